/* regex.h - regular expressions with bounded search time (PCRE2, compiled to machine code). */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>

#include "base/text.h"
#include "vaurien.h"

/* Belongs to one thread: it has buffers for the search. */
struct regex;

enum regex_answer {
	REGEX_NO,
	REGEX_YES,
	REGEX_GAVE_UP,                  /* not found within 5 ms of processor time */
};

/* Checks a pattern: at most 4 KiB of text, and 256 KiB compiled. False: `error` has the reason. */
bool regex_check(const char *text, char error[ERROR_MAX]);

/* The pattern finds no text that begins with `head`, whatever follows. It compiles the pattern, so
 * it is for rare use. False: it may find one, or that is not known. */
bool regex_never(const char *pattern, const char *head);

/* Compiles a pattern that regex_check() accepted. Never NULL; the caller frees it. */
struct regex *regex_make(const char *text);
void regex_free(struct regex *);        /* NULL is allowed */

/* Searches `text` for the pattern; regex_match_icase() ignores case. */
enum regex_answer regex_match(struct regex *, struct vn_span text);
enum regex_answer regex_match_icase(struct regex *, struct vn_span text);

#endif
