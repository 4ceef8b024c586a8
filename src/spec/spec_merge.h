/* spec_merge.h - a running spec and a file that was read again make a new spec (SIGHUP). */
#ifndef SPEC_SPEC_MERGE_H
#define SPEC_SPEC_MERGE_H

#include "spec/spec.h"

bool spec_moves(const struct spec *was, const struct spec *now);        /* another listen address */
bool spec_same_behavior(const struct spec *, const struct spec *);     /* that of PUT /behavior */
bool spec_same(const struct spec *, const struct spec *);       /* ignores ids and counters */

/* `live`, with all that differs between `was` and `now`, which are two readings of the file. A rule
 * that is the same in both readings, or in neither, stays as it is. `moves`: it listens where `now`
 * does. NULL: `error` has one sentence. */
struct spec *spec_merged(const struct spec *live, const struct spec *was, const struct spec *now,
                         bool moves, char error[ERROR_MAX]);

#endif
