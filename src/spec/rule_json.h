/* rule_json.h - a rule as the API shows it, and in the words that --rule takes. */
#ifndef SPEC_RULE_JSON_H
#define SPEC_RULE_JSON_H

#include <jansson.h>

#include "spec/rule.h"

/* 'delay sleep=300ms match="^GET x" name=slow': the behavior, its amounts, what is not at the
 * table's default, and the name if it is not the behavior's. rule_read() makes the same rule of it,
 * unless the program has other defaults. To be freed. */
char *rule_words(const struct rule_spec *);

/* A new reference: {"name", "behavior", "options", "seen", "hits", "unreachable", "last_hit",
 * "as_rule"}. */
json_t *rule_json(const struct rule_spec *);

#endif
