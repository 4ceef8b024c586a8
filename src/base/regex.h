/* regex.h - regular expressions on "VERB subject": PCRE2, compiled to machine code, with a bound on
 * the work. */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>

#include "base/text.h"
#include "vaurien.h"

struct regex;                           /* one thread's own */

enum regex_answer {
	REGEX_NO,
	REGEX_YES,
	/* not found within the budget: 5 ms of processor time for the whole search */
	REGEX_GAVE_UP,
};

/* False: `error` says what is wrong: the text, its length (4 KiB at most), or what it compiles to
 * (256 KiB at most). */
bool regex_check(const char *text, char error[ERROR_MAX]);
struct regex *regex_make(const char *text);     /* one that was checked */
void regex_free(struct regex *);                /* NULL: nothing */

enum regex_answer regex_match(struct regex *, struct vn_span text);
/* as if upper and lower case were the same */
enum regex_answer regex_match_icase(struct regex *, struct vn_span text);

#endif
