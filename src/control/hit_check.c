/* hit_check.c - --require-hit: did every rule that the program was started with strike? */
#include "control/hit_check.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "config/run_settings.h"

/* Clients that `refuse` keeps away never reach the program, so it cannot count them. */
static const struct rule_spec *uncountable(const struct spec *s)
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (s->rules[i].behavior->on == VN_ON_LISTEN)
			return &s->rules[i];
	return NULL;
}

static void rules_require(struct hit_check *c, const struct spec *s)
{
	c->all = xrealloc(c->all, (c->n + s->n_rules) * sizeof *c->all);
	for (unsigned i = 0; i < s->n_rules; i++) {
		struct required *one = &c->all[c->n++];
		one->proxy = xstrdup(s->name);
		rule_copy(&one->rule, &s->rules[i]);
	}
}

bool hit_check_begin(struct hit_check *c, const struct settings *settings, char error[ERROR_MAX])
{
	*c = (struct hit_check){ .wanted = settings->require_hit, .run = settings->run };
	pthread_mutex_init(&c->lock, NULL);
	if (!c->wanted)
		return true;
	/* Those that no proxy gets are required as well. */
	for (size_t i = 0; c->run && i < settings->run->n_future; i++)
		rules_require(c, settings->run->future[i]);
	for (size_t i = 0; !c->run && i < settings->n_proxies; i++) {
		const struct spec *s = settings->proxies[i];
		const struct rule_spec *r = uncountable(s);
		if (r) {
			error_format(error, "--require-hit: expected rules whose hits can be "
			             "counted, got rule '%.64s' of proxy '%.64s': who meets '%s' "
			             "is never seen", r->name, s->name, r->behavior->name);
			return false;
		}
		rules_require(c, s);
	}
	if (!c->n)
		error_format(error, "--require-hit: expected a rule or a behavior at the start, "
		             "got none");
	return c->n;
}

void hit_check_collect(struct hit_check *c, struct control *control)
{
	if (!c->wanted || !c->run)
		return;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < control_proxy_count(control); i++)
		rules_require(c, proxy_spec(control_proxy(control, i)));
	pthread_mutex_unlock(&c->lock);
}

struct counts { unsigned long long seen, hits, unreachable; };

static void counts_add(struct counts *n, const struct rule_spec *r)
{
	n->seen += r->counters->seen;
	n->hits += r->counters->hits;
	n->unreachable += r->counters->unreachable;
}

/* Of all that count as the rule at `i`: in `vaurien run`, those of its name. False: an earlier one
 * does, too. */
static bool counts_of(const struct hit_check *c, size_t i, struct counts *n)
{
	const struct rule_spec *r = &c->all[i].rule;
	bool first = true;

	*n = (struct counts){ 0 };
	if (!c->run)
		counts_add(n, r);
	for (size_t k = 0; c->run && k < c->n; k++)
		if (!strcmp(c->all[k].rule.name, r->name)
		    && c->all[k].rule.behavior == r->behavior) {
			counts_add(n, &c->all[k].rule);
			first &= k >= i;
		}
	return first;
}

static bool all_struck(const struct hit_check *c)
{
	struct counts n;
	bool all = true;

	for (size_t i = 0; i < c->n; i++) {
		const struct rule_spec *r = &c->all[i].rule;
		if (!counts_of(c, i, &n) || n.hits)
			continue;
		all = false;
		fprintf(stderr, "vaurien: rule '%s' (%s)%s%s%s never struck: seen %llu, "
		        "unreachable %llu\n", r->name, r->behavior->name,
		        c->run ? "" : " of proxy '", c->run ? "" : c->all[i].proxy,
		        c->run ? "" : "'", n.seen, n.unreachable);
	}
	return all;
}

bool hit_check_passed(struct hit_check *c)
{
	pthread_mutex_lock(&c->lock);
	bool passed = all_struck(c);
	pthread_mutex_unlock(&c->lock);
	return passed;
}
