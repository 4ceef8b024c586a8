/* regex.h - regular expressions on "VERB subject": PCRE2, compiled to machine code, with a limit on the work. */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include <stdbool.h>

#include "base/text.h"
#include "vaurien.h"

struct regex;

bool regex_check(const char *text, char error[ERROR_MAX]);     /* false: `error` says where it is wrong */
struct regex *regex_make(const char *text);                 /* one that was checked; a thread's own */
void regex_free(struct regex *);
bool regex_match(struct regex *, struct vn_span text);
bool regex_match_icase(struct regex *, struct vn_span text);        /* it would, if upper and lower case were the same */

#endif
