/* journal.h - what happened, as whoever saw it tells it: any thread, where somebody wants to know.
 *
 *   news -> ring -> control thread: see events.h
 */
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include <stdatomic.h>

#include "vaurien.h"

struct ring;

enum journal_type {
	JOURNAL_OPENED, JOURNAL_CLOSED,       /* a connection */
	JOURNAL_FAULT,                     /* a rule strikes an exchange, or a whole connection */
	JOURNAL_UNREACHABLE,               /* ... or would, and cannot */
	JOURNAL_MISSED,                    /* ... or has found nothing to strike */
	JOURNAL_RAW,                       /* a connection's parser gives up */
	JOURNAL_CHANGED,                   /* the configuration, by someone */
	JOURNAL_LOST,                      /* so many that a reader has missed */
	JOURNAL_TYPES
};

extern const char *const journal_names[JOURNAL_TYPES];

enum { JOURNAL_ROOM = 2048, JOURNAL_WORDS = 200 };    /* bytes of all; of one text, which is cut there */

struct journal_entry {
	vn_nsec at;                        /* by the monotonic clock */
	uint16_t type, n;
	char text[JOURNAL_ROOM];           /* n bytes: "proxy": "NAME", "key": value, ... */
};

#define JOURNAL_HEAD offsetof(struct journal_entry, text)

extern _Atomic unsigned journal_wanted;            /* bits of enum journal_type: what anyone wants to know */
extern struct ring journal_ring;                   /* the head of each and the part of its text that is used */

static inline bool journal_wants(enum journal_type t)
{
	return __builtin_expect(atomic_load_explicit(&journal_wanted, memory_order_relaxed) >> t & 1, 0);
}

void journal_begin(struct journal_entry *, enum journal_type, vn_nsec at, const char *proxy);
void journal_text(struct journal_entry *, const char *key, const char *words);     /* of whatever bytes */
void journal_count(struct journal_entry *, const char *key, uint64_t n);
void journal_seconds(struct journal_entry *, const char *key, vn_nsec);
void journal_write(const struct journal_entry *);

#endif
