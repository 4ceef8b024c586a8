/* pattern.h - destinations by pattern: HOST:PORT with globs, ADDRESS/BITS[:PORT], unix:GLOB. */
#ifndef RUN_PATTERN_H
#define RUN_PATTERN_H

#include "base/text.h"
#include "net/address.h"

struct patterns;

/* `lines` may be NULL. NULL: a line is none; `error` has a sentence. */
struct patterns *patterns_read(const char *lines, const char *option, char error[ERROR_MAX]);
void patterns_free(struct patterns *);

bool patterns_any(const struct patterns *);     /* is there one? */

/* `host`: the destination's name, or its number. */
bool patterns_find(const struct patterns *, const struct endpoint *, const char *host);

#endif
