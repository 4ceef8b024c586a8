/* rule_parse.h - a rule from the text that --rule and a file's [rule:NAME] give. */
#ifndef SPEC_RULE_PARSE_H
#define SPEC_RULE_PARSE_H

#include "spec/spec.h"

/* "error failure=deadlock match='^QUERY UPDATE' name=mine": a behavior, then options, fields and a
 * name (default: the behavior's). The rule is finished, see rule_check.h. False: `error` has a
 * sentence, and nothing is to be freed. */
bool rule_read(struct rule_spec *, const char *text, const struct spec *on,
               const struct defaults *, char error[ERROR_MAX]);

#endif
