/* rule_heir.c - from one plan to the next: flags and states of rules that stay. */
#include "rules/rule_heir.h"

#include <stdlib.h>

#include "base/memory.h"

ruleset rules_translate(const struct plan *from, const struct plan *to, ruleset set)
{
	ruleset moved = 0;

	for (unsigned i = 0; set >> i && i < from->n; i++) {
		int k = set >> i & 1 ? plan_heir(to, from->rules[i].spec) : -1;
		if (k >= 0)
			moved |= (ruleset)1 << k;
	}
	return moved;
}

void rule_flags_translate(const struct plan *from, const struct plan *to, struct rule_flags *s)
{
	*s = (struct rule_flags){ rules_translate(from, to, s->in),
	                          rules_translate(from, to, s->counted),
	                          rules_translate(from, to, s->struck) };
}

struct rule_state **rule_states_translate(const struct plan *from, const struct plan *to,
                                          struct rule_state **was)
{
	struct rule_state **states = to->n ? xcalloc(to->n, sizeof *states) : NULL;

	for (unsigned i = 0; i < from->n; i++) {
		const struct rule_spec *w = from->rules[i].spec;
		int k = plan_heir(to, w);
		if (k < 0) {
			rule_state_free(&from->rules[i], was[i]);
			continue;
		}
		states[k] = was[i];
		if (states[k] && to->rules[k].spec->id != w->id)
			states[k]->due = 0;
	}
	free(was);
	return states;
}

void rules_compare(const struct plan *from, const struct plan *to, ruleset *fresh,
                   ruleset *changed)
{
	*fresh = *changed = 0;
	for (unsigned i = 0; i < to->n; i++) {
		ruleset bit = (ruleset)1 << i;
		if (plan_heir(from, to->rules[i].spec) < 0)
			*fresh |= bit;
		else if (plan_find(from, to->rules[i].spec->id) < 0)
			*changed |= bit;
	}
}
