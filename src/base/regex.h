/* regex.h - regular expressions on "VERB subject": PCRE2, compiled to machine code, with a limit on the work. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

#include "spec/option.h"
#include "vaurien.h"

struct pattern;

bool pattern_check(const char *text, char error[SENTENCE]);     /* false: `error` says where it is wrong */
struct pattern *pattern_make(const char *text);                 /* one that was checked; a thread's own */
void pattern_free(struct pattern *);
bool pattern_finds(struct pattern *, struct vn_span text);
bool pattern_nearly(struct pattern *, struct vn_span text);        /* it would, if upper and lower case were the same */

#endif
