/* rule_check.h - checks of a finished rule: does it make sense, and for this protocol? */
#ifndef SPEC_RULE_CHECK_H
#define SPEC_RULE_CHECK_H

#include "spec/spec.h"

/* Call when all options and fields are set: computes direction, client, skip, until ... from them.
 * False: `error` has a sentence, *culprit the option's name; the rule cannot be used. */
bool rule_finish(struct rule_spec *, const struct spec *on, const char *culprit[1],
                 char error[ERROR_MAX]);

/* Does the protocol have the failures that the options name? False as above. */
bool rule_check_failures(const struct vn_protocol *, const struct opt_values *,
                         const char *culprit[1], char error[ERROR_MAX]);

#endif
