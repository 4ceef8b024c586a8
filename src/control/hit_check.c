/* hit_check.c - --require-hit: did every rule that the program was started with strike? */
#include "control/hit_check.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* Clients that `refuse` keeps away never reach the program, so it cannot count them. */
static bool is_countable(const struct rule_spec *r)
{
	return r->behavior->on != VN_ON_LISTEN;
}

static void rule_require(struct hit_check *c, const struct spec *s, const struct rule_spec *r)
{
	c->all = xrealloc(c->all, (c->n + 1) * sizeof *c->all);
	struct required *one = &c->all[c->n++];
	one->proxy = xstrdup(s->name);
	rule_copy(&one->rule, r);
}

bool hit_check_begin(struct hit_check *c, const struct settings *settings, char error[ERROR_MAX])
{
	*c = (struct hit_check){ .n = 0 };
	if (!settings->require_hit)
		return true;
	for (size_t i = 0; i < settings->n_proxies; i++) {
		const struct spec *s = settings->proxies[i];
		for (unsigned k = 0; k < s->n_rules; k++) {
			const struct rule_spec *r = &s->rules[k];
			if (!is_countable(r)) {
				error_format(error, "--require-hit: expected rules whose hits can "
				             "be counted, got rule '%.64s' of proxy '%.64s': who "
				             "meets '%s' is never seen", r->name,
				             s->name, r->behavior->name);
				return false;
			}
			rule_require(c, s, r);
		}
	}
	if (c->n)
		return true;
	error_format(error, "--require-hit: expected a rule or a behavior at the start, got none");
	return false;
}

bool hit_check_passed(const struct hit_check *c)
{
	bool passed = true;

	for (size_t i = 0; i < c->n; i++) {
		const struct rule_spec *r = &c->all[i].rule;
		if (r->counters->hits)
			continue;
		passed = false;
		fprintf(stderr, "vaurien: rule '%s' (%s) of proxy '%s' never struck: "
		        "seen %llu, unreachable %llu\n", r->name, r->behavior->name,
		        c->all[i].proxy, (unsigned long long)r->counters->seen,
		        (unsigned long long)r->counters->unreachable);
	}
	return passed;
}
