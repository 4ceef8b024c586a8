/* rule_heir.h - from one plan to the next: flags and states of rules that stay. */
#ifndef RULES_RULE_HEIR_H
#define RULES_RULE_HEIR_H

#include "rules/plan.h"

/* A set of rules of `from`, as one of `to`: those that stay. */
ruleset rules_translate(const struct plan *from, const struct plan *to, ruleset);
void rule_flags_translate(const struct plan *from, const struct plan *to, struct rule_flags *);

/* The states, one per rule of `from`, move to their new places; the others are freed, and so is the
 * list. A rule whose options have changed keeps its state, but not its clock. Returns the new list;
 * NULL if `to` has no rules. */
struct rule_state **rule_states_translate(const struct plan *from, const struct plan *to,
                                          struct rule_state **);

/* The rules of `to` that are new, and those with other options. */
void rules_compare(const struct plan *from, const struct plan *to, ruleset *fresh,
                   ruleset *changed);

#endif
