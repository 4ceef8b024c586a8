/* rule_warning.h - what a user should know of a rule that is good, but does nothing or too much. */
#ifndef SPEC_RULE_WARNING_H
#define SPEC_RULE_WARNING_H

#include "spec/rule.h"

/* "latency: 0 ms, nothing will be late; give latency". `open`: how many connections are open.
 * False: there is nothing to warn of. */
bool rule_warning(const struct rule_spec *, uint64_t open, char warning[ERROR_MAX]);

/* The next option of a behavior's `needs`; NULL: there are no more. *needs is behind it then. An
 * option that the behavior does not have is `unknown`. */
const struct vn_opt *rule_needs_next(const struct vn_behavior *, const char **needs, bool *unknown);

#endif
