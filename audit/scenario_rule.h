/* scenario_rule.h - a scenario's rules: their choices, and the choice that fits a protocol. */
#ifndef AUDIT_SCENARIO_RULE_H
#define AUDIT_SCENARIO_RULE_H

#include "audit/scenario.h"

/* "error failure=a | b times=3 | close" is three choices: two failures, and another rule. Each is
 * checked: some protocol must have it. False: `error`, and nothing is to be freed. */
bool phase_rule_read(struct phase_rule *, const char *text, char error[ERROR_MAX]);
void phase_rule_free(struct phase_rule *);

/* The first choice that the proxy's protocol has, as it was written; borrowed. NULL: there is none,
 * and `error` says why not. */
const char *phase_rule_pick(const struct phase_rule *, const struct scenario_proxy *,
                            char error[ERROR_MAX]);

/* The words of that choice with T and H replaced, and the client added (NULL: none); to be freed.
 * NULL: there is none, or it has a client of its own, and `error` says so. */
char *phase_rule_choose(const struct phase_rule *, const struct scenario_proxy *,
                        const struct span_times *, const char *client, char error[ERROR_MAX]);

#endif
