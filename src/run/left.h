/* left.h - tally of the connections that were left alone: where to, why, how often.
 *
 * The supervisor's thread. */
#ifndef RUN_LEFT_H
#define RUN_LEFT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct left_entry {
	char to[128];
	const char *why;                /* a constant text */
	char process[16];               /* the first one's name; "": not known */
	uint64_t count;
};

struct left { size_t n, room; struct left_entry *of; uint64_t more; };  /* zero it first */

/* Returns the entry; a new one, whose process is not known yet, has a count of 1. */
struct left_entry *left_note(struct left *, const char *to, const char *why);
json_t *left_json(const struct left *);
void left_free(struct left *);

#endif
