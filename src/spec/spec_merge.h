/* spec_merge.h - what has changed between two readings of a proxy's words, put into what the proxy is by now. */
#ifndef SPEC_SPEC_MERGE_H
#define SPEC_SPEC_MERGE_H

#include "spec/spec.h"

bool spec_moves(const struct spec *was, const struct spec *now);        /* it is to listen elsewhere */
bool spec_same(const struct spec *, const struct spec *);       /* in all but what rules have met */

/* `live`, with all that differs between `was` and `now`, which were said one after the other: a rule that both have in the same
 * words stays as it is, as does one that neither has. `moves`: it listens where `now` says. NULL: `error` has one sentence. */
struct spec *spec_merged(const struct spec *live, const struct spec *was, const struct spec *now, bool moves, char error[ERROR_MAX]);

#endif
