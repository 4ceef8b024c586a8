/* scenarios.c - the set of all scenarios: those built in are read when it is made. */
#include <stdlib.h>

#include "audit/outages.h"
#include "audit/scenario.h"
#include "audit/scenario_read.h"
#include "audit/scenario_rule.h"
#include "base/memory.h"

struct scenarios *scenarios_make(void)
{
	struct scenarios *all = xcalloc(1, sizeof *all);

	for (const struct outage_file *f = outage_files; f->name; f++)
		scenarios_read_built_in(all, f->name, f->text);
	return all;
}

static void phase_free(struct phase *p)
{
	for (size_t i = 0; i < p->n_rules; i++)
		phase_rule_free(&p->rules[i]);
	for (size_t i = 0; i < p->n_deeds; i++)
		free(p->deeds[i].text);
	for (size_t i = 0; i < p->n_expects; i++)
		free(p->expects[i].text);
	free(p->rules);
	free(p->deeds);
	free(p->expects);
	free(p->until);
	free(p->when);
	free(p->until_text);
	free(p->when_text);
	free(p->use);
	free(p->proxy);
	free(p->name);
}

static void scenario_free(struct scenario *s)
{
	for (size_t i = 0; i < s->n_phases; i++)
		phase_free(&s->phases[i]);
	free(s->phases);
	free(s->name);
	free((char *)s->place.file);
	free(s->question);
	free(s->summary);
	free(s->group);
	free(s->protocols);
	free(s->needs);
	free(s->proxy);
	free(s);
}

void scenarios_free(struct scenarios *all)
{
	for (size_t i = 0; i < all->n; i++)
		scenario_free(all->at[i]);
	free(all->at);
	free(all);
}
