/* plan.c - rules of one spec, compiled for one worker: make, free, find. */
#include "rules/plan.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "spec/rule_tls.h"

/* Does the behavior refuse messages? */
static bool rule_may_refuse(const struct vn_behavior *b)
{
	for (const struct vn_opt *o = b->options; o && o->name; o++)
		if (o->type == VN_OPT_FAILURE)
			return true;
	return b->failure || b->traits & VN_TRAIT_REFUSES;
}

static void rule_make(struct plan *p, unsigned i, uint64_t seed)
{
	const struct rule_spec *w = &p->spec->rules[i];
	struct rule *r = &p->rules[i];
	ruleset bit = (ruleset)1 << i;

	*r = (struct rule){ .spec = w, .behavior = w->behavior };
	r->dice = dice_make(seed, p->spec->name, w->name);
	r->draw = r->dice;
	const char *match =
		w->fields.opts ? ((const struct rule_fields *)w->fields.opts)->match : NULL;
	if (match)
		r->match = regex_make(match);
	if (w->off) {                   /* it has its place, and no moment */
		p->off |= bit;
		return;
	}
	if (w->behavior->traits & VN_TRAIT_ONLY_DATAGRAMS)
		p->of_datagrams |= bit;
	p->by_client |= w->client.family != 0;
	p->moments |= rule_on(w);
	p->by_age |= w->only_open || w->only_new;
	p->refuses |= rule_may_refuse(w->behavior) || w->kinds;
	if (!p->spec->protocol->server_first && rule_refuses_opening(w, p->spec->protocol))
		p->at_accept |= bit;
	if (w->per_connection)
		p->per_connection |= bit;
	if (rule_at_upgrade(w))
		p->at_upgrade |= bit;
	if (match || w->kinds)
		p->picky |= bit;
	else if (w->low <= 0 && w->high >= 1)
		p->certain |= bit;
	if (rule_spares_setup(w))
		p->sparing |= bit;
	for (unsigned m = 0; m < MOMENTS; m++)
		if (rule_on(w) & 1u << m)
			p->on[m] |= bit;
}

struct plan *plan_make(struct spec *spec, uint64_t seed)
{
	assert(spec->n_rules <= RULES_MAX);
	struct plan *p = xcalloc(1, sizeof *p + spec->n_rules * sizeof *p->rules);
	p->refs = 1;
	p->spec = spec_ref(spec);
	p->n = spec->n_rules;
	for (unsigned i = 0; i < p->n; i++)
		rule_make(p, i, seed);
	return p;
}

struct plan *plan_ref(struct plan *p)
{
	p->refs++;
	return p;
}

void plan_unref(struct plan *p)
{
	if (!p || --p->refs)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		if (atomic_load_explicit(&p->rules[i].spec->counters->refs, memory_order_relaxed) >
		    1)
			p->rules[i].spared.over = true;         /* the rule stays, and may strike */
		rule_log_misses(p->spec->name, &p->rules[i]);
		regex_free(p->rules[i].match);
	}
	spec_unref(p->spec);
	free(p);
}

int plan_find(const struct plan *p, uint64_t id)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->rules[i].spec->id == id)
			return (int)i;
	return -1;
}

int plan_heir(const struct plan *p, const struct rule_spec *of)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->rules[i].spec->origin == of->origin)
			return (int)i;
	return -1;
}

bool plan_same(const struct plan *a, const struct plan *b)
{
	bool same = a->n == b->n && a->spec->client_named == b->spec->client_named;

	for (unsigned i = 0; same && i < a->n; i++)
		same = a->rules[i].spec->id == b->rules[i].spec->id;
	return same;
}

void plan_inherit(struct plan *p, struct plan *old)
{
	for (unsigned i = 0; i < old->n; i++) {
		struct rule *was = &old->rules[i];
		int k = plan_find(p, was->spec->id);
		if (k < 0)
			continue;
		struct rule *now = &p->rules[k];
		now->unfound = was->unfound;
		now->unfit = was->unfit;
		now->spared = was->spared;
		now->said = was->said;
		now->unsaid = was->unsaid;
		now->said_unreachable = was->said_unreachable;
		was->unfound.over = was->unfit.over = was->spared.over = true;
	}
}

ruleset plan_on(const struct plan *p, unsigned moments)
{
	ruleset set = 0;

	for (unsigned m = 0; m < MOMENTS; m++)
		if (moments & 1u << m)
			set |= p->on[m];
	return set;
}
