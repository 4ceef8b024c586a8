/* plan.c - which experiments a run has. */
#include "audit/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/registry.h"

static const struct { const char *name; enum scenario_set set; } sets[] = {
	{ "quick", SET_QUICK }, { "default", SET_DEFAULT }, { "all", SET_ALL },
};

enum { SETS = sizeof sets / sizeof sets[0] };

/* ---- what --faults chooses ---- */

struct choice {                         /* a word of --faults */
	char *proxy, *name;             /* proxy NULL: each; name: of an outage or a set */
	bool minus;
	const struct scenario *scenario;        /* NULL: a set */
	enum scenario_set set;
	bool fits;                      /* it was made for a proxy */
};

struct choices { struct run *run; struct choice *at; size_t n; bool good; };

static bool choice_unknown(struct choices *c, const char *name)
{
	struct suggestion near = { .word = name };
	char meant[SUGGEST_MAX];

	for (size_t i = 0; i < SETS; i++)
		suggest_try(&near, sets[i].name);
	for (size_t i = 0; i < c->run->options->scenarios->n; i++)
		suggest_try(&near, c->run->options->scenarios->at[i]->name);
	run_end(c->run, "usage", "--faults: expected quick, default, all or the name of an outage "
	        "that vaurien scenario --list shows, got '%.60s'%s", name,
	        suggest_show(&near, "", meant));
	return c->good = false;
}

static bool choice_proxy_unknown(struct choices *c, const char *name)
{
	struct suggestion near = { .word = name };
	char meant[SUGGEST_MAX];

	for (size_t i = 0; i < c->run->record.proxies.n; i++)
		suggest_try(&near, c->run->record.proxies.at[i].name);
	run_end(c->run, "usage", "--faults: expected the name of a proxy before /, got '%.60s'%s",
	        name, suggest_show(&near, "", meant));
	return c->good = false;
}

static bool choice_take(void *user, const char *word)
{
	struct choices *c = user;
	const char *slash = strchr(word, '/');

	c->at = xrealloc(c->at, (c->n + 1) * sizeof *c->at);
	struct choice *to = &c->at[c->n++];
	*to = (struct choice){ .minus = *word == '-' };
	word += to->minus;
	to->proxy = slash ? xstrndup(word, (size_t)(slash - word)) : NULL;
	to->name = xstrdup(slash ? slash + 1 : word);
	if (to->proxy && record_find_proxy(&c->run->record, to->proxy) < 0)
		return choice_proxy_unknown(c, to->proxy);
	to->scenario = scenario_find(c->run->options->scenarios, to->name);
	if (to->scenario)
		return true;
	for (size_t i = 0; i < SETS; i++)
		if (!strcmp(sets[i].name, to->name)) {
			to->set = sets[i].set;
			return true;
		}
	return choice_unknown(c, to->name);
}

static void choices_free(struct choices *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->at[i].proxy);
		free(c->at[i].name);
	}
	free(c->at);
}

static bool in_set(const struct scenario *s, enum scenario_set set)
{
	return s->built_in && s->spread == SPREAD_FIT && s->set <= set;
}

/* Is this outage wanted on this proxy? NULL: no. Else the choice that says so; `any` stands for
 * what is wanted without a word. */
static struct choice *chosen(struct choices *c, const struct scenario *s, const char *proxy,
                             struct choice *any)
{
	struct choice *found = NULL;
	bool plus = false;

	for (size_t i = 0; i < c->n; i++)
		plus |= !c->at[i].minus;
	if (c->run->options->scenario || !s->built_in || (!plus && in_set(s, SET_DEFAULT)))
		found = any;
	for (size_t i = 0; i < c->n; i++) {
		struct choice *word = &c->at[i];
		bool same = (!word->proxy || !strcmp(word->proxy, proxy)) &&
		            (word->scenario ? word->scenario == s : in_set(s, word->set));
		if (same)
			found = word->minus ? NULL : word;
	}
	return found;
}

/* `vaurien scenario FILE [NAME]` runs no others. */
static bool asked_for(const struct run *run, const struct scenario *s)
{
	const struct options *o = run->options;

	if (!o->scenario)
		return true;
	return o->only_scenario ? !strcmp(s->name, o->only_scenario) : !s->built_in;
}

/* ---- experiments ---- */

static void plan_add(struct run *run, const struct scenario *s, struct script *script,
                     unsigned proxy)
{
	run->plan = xrealloc(run->plan, (run->n_plan + 1) * sizeof *run->plan);
	struct planned *p = &run->plan[run->n_plan++];
	char summary[ERROR_MAX];
	*p = (struct planned){ .scenario = s, .script = script, .proxy = proxy };
	p->record = record_experiment(&run->record, proxy, s->name, s->question);
	p->record->summary = xstrdup(scenario_summary(s, run->record.proxies.at[proxy].name,
	                                              summary, sizeof summary));
	p->record->reconnect = s->reconnects;
	if (s->has_recover_within)
		p->record->recover_within = span_seconds(&s->recover_within, &run->world.times);
}

/* False: the run has ended. */
static bool fit_add(struct run *run, struct choices *c, const struct scenario *s, unsigned proxy)
{
	const struct scenario_proxy *on = &run->scenario_proxies[proxy];
	struct choice any = { .name = NULL }, *word = chosen(c, s, on->name, &any);
	char error[ERROR_MAX];

	if (!word || !asked_for(run, s))
		return true;
	if (!scenario_fits(run->options->scenarios, s, on, error)) {
		if (word->scenario && word->proxy)
			run_end(run, "usage", "--faults: %s/%s: %s", word->proxy, word->name,
			        error);
		return !run->how;
	}
	struct script *script = scenario_script_make(run->options->scenarios, s, &run->world, on,
	                                             error);
	if (!script) {
		run_end(run, "usage", "%s", error);
		return false;
	}
	word->fits = true;
	plan_add(run, s, script, proxy);
	return true;
}

static bool fits_add(struct run *run, struct choices *c)
{
	const struct scenarios *all = run->options->scenarios;
	bool good = true;

	for (unsigned proxy = 0; proxy < run->record.proxies.n; proxy++) {
		if (!run->record.proxies.at[proxy].injected)
			continue;
		for (size_t i = 0; good && i < all->n; i++)
			if (all->at[i]->spread == SPREAD_FIT &&
			    scenario_find(all, all->at[i]->name) == all->at[i])
				good = fit_add(run, c, all->at[i], proxy);
	}
	return good;
}

/* A scenario that names its proxies itself is one experiment. */
static void wide_one(struct run *run, const struct scenario *s, struct choice *word)
{
	char error[ERROR_MAX];
	struct script *script = scenario_script_make(run->options->scenarios, s, &run->world, NULL,
	                                             error);

	if (!script) {
		run_end(run, "usage", "%s", error);
		return;
	}
	int proxy = script->n_proxies ? record_find_proxy(&run->record,
	                                                  script->proxies[0]->name) : 0;
	word->fits = true;
	plan_add(run, s, script, (unsigned)proxy);
}

static bool wide_add(struct run *run, struct choices *c)
{
	const struct scenarios *all = run->options->scenarios;

	for (size_t i = 0; i < all->n && !run->how; i++) {
		const struct scenario *s = all->at[i];
		struct choice any = { .name = NULL }, *word = chosen(c, s, "", &any);
		if (s->spread != SPREAD_FIT && word && asked_for(run, s) &&
		    scenario_find(all, s->name) == s)
			wide_one(run, s, word);
	}
	return !run->how;
}

static bool planned(const struct run *run, const struct scenario *s)
{
	for (size_t i = 0; i < run->n_plan; i++)
		if (run->plan[i].scenario == s)
			return true;
	return false;
}

/* A scenario of a file that fits no proxy is a mistake in it: the sentence is that of the first. */
static void own_fit(struct run *run, struct choices *c)
{
	const struct scenarios *all = run->options->scenarios;
	unsigned proxy = 0;
	char error[ERROR_MAX];

	while (proxy < run->record.proxies.n && !run->record.proxies.at[proxy].injected)
		proxy++;
	for (size_t i = 0; i < all->n && proxy < run->record.proxies.n && !run->how; i++) {
		const struct scenario *s = all->at[i];
		const struct scenario_proxy *on = &run->scenario_proxies[proxy];
		struct choice any = { .name = NULL };
		if (s->built_in || s->spread != SPREAD_FIT || !asked_for(run, s) ||
		    planned(run, s) || !chosen(c, s, on->name, &any))
			continue;
		struct script *script = scenario_script_make(all, s, &run->world, on, error);
		if (script)
			scenario_script_free(script);
		else
			run_end(run, "usage", "%s", error);
	}
}

/* A name that was asked for, and that no proxy can have, is a mistake. */
static void choices_check(struct run *run, const struct choices *c)
{
	for (size_t i = 0; i < c->n && !run->how; i++) {
		const struct choice *word = &c->at[i];
		if (!word->minus && word->scenario && !word->fits)
			run_end(run, "usage", "--faults: no proxy has a protocol for '%.60s'",
			        word->name);
	}
	if (!run->n_plan && !run->how && run->options->only_scenario) {
		const char *name = run->options->only_scenario;
		char meant[SUGGEST_MAX];
		bool known = scenario_find(run->options->scenarios, name);
		run_end(run, "usage", known ? "scenario: no proxy fits '%.60s'%s" :
		        "scenario: expected the name of a scenario, got '%.60s'%s", name,
		        known ? "" : scenario_suggest(run->options->scenarios, name, meant));
	}
	if (!run->n_plan && !run->how)
		run_end(run, "usage", "there is no experiment to run: expected one of --faults "
		        "that fits a proxy");
}

/* One of a plugin that only the Vaurien has is treated as tcp: it has no errors. */
static const struct vn_protocol *protocol_of(const struct seen_proxy *p)
{
	const struct vn_protocol *known = protocol_find(p->protocol);

	return known ? known : protocol_find("tcp");
}

static void world_make(struct run *run)
{
	const struct option_values *v = option_values(run->options);
	size_t n = run->record.proxies.n;

	run->scenario_proxies = xcalloc(n, sizeof *run->scenario_proxies);
	for (size_t i = 0; i < n; i++)
		run->scenario_proxies[i] = (struct scenario_proxy){
			.name = run->record.proxies.at[i].name,
			.protocol = protocol_of(&run->record.proxies.at[i]),
			.vanishes = run->proxies[i].vanishes,
			.tls = run->proxies[i].tls,
			.injected = run->record.proxies.at[i].injected,
		};
	run->probe_names = xcalloc(run->options->n_probes + 1, sizeof *run->probe_names);
	for (size_t i = 0; i < run->options->n_probes; i++)
		run->probe_names[i] = run->options->probes[i].name;
	run->world = (struct scenario_world){
		.n_proxies = n, .proxies = run->scenario_proxies,
		.n_probes = run->options->n_probes, .probes = run->probe_names,
		.times = { seconds_of(v->fault_time), seconds_of(v->hang_time) },
		.client = v->only_client,
	};
}

bool plan_experiments(struct run *run)
{
	struct choices c = { .run = run, .good = true };

	world_make(run);
	if (!run->options->scenario)
		list_each(option_values(run->options)->faults, choice_take, &c);
	if (!run->how && fits_add(run, &c) && wide_add(run, &c)) {
		own_fit(run, &c);
		choices_check(run, &c);
	}
	choices_free(&c);
	return !run->how;
}

void plan_free(struct run *run)
{
	for (size_t i = 0; i < run->n_plan; i++)
		if (run->plan[i].script)
			scenario_script_free(run->plan[i].script);
	free(run->plan);
	free(run->scenario_proxies);
	free(run->probe_names);
}

/* ---- after the baseline ---- */

static void leave_out(struct planned *p, enum experiment_state state, enum why_not why_not,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

static void leave_out(struct planned *p, enum experiment_state state, enum why_not why_not,
                      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&p->record->why, format, args) < 0)
		memory_out();
	va_end(args);
	p->record->state = state;
	p->record->why_not = why_not;
	scenario_script_free(p->script);
	p->script = NULL;
}

static bool had_traffic(const struct seen_proxy *p)
{
	return p->connections.n || p->exchanges.n;
}

/* Did the baseline see a request of this kind? */
static bool had_kind(const struct run *run, const struct seen_proxy *p, const char *kind)
{
	unsigned bit = 0;

	for (unsigned k = 0; k < KINDS; k++)
		bit |= strcmp(kind_names[k], kind) ? 0 : 1u << k;
	for (size_t i = 0; i < p->exchanges.n; i++)
		if (p->exchanges.at[i].kinds & bit)
			return true;
	return false;
}

void plan_settle(struct run *run)
{
	for (size_t i = 0; i < run->n_plan; i++) {
		struct planned *p = &run->plan[i];
		const struct seen_proxy *on = &run->record.proxies.at[p->proxy];
		if (!had_traffic(on))
			leave_out(p, STATE_NOT_RUN, WHY_NO_TRAFFIC, "nothing came through proxy %s "
			          "in the baseline", on->name);
		else if (p->scenario->needs && !had_kind(run, on, p->scenario->needs))
			leave_out(p, STATE_LEFT_OUT, WHY_NONE, "the baseline saw no %s",
			          p->scenario->needs);
	}
}

double plan_lasts(const struct run *run, const struct planned *p)
{
	double aftermath = seconds_of(option_values(run->options)->aftermath);

	return 0.25 + p->script->lasts + 1.5 + fmax(aftermath, 2); /* the next one settles in it */
}

unsigned plan_count(const struct run *run, double *seconds)
{
	unsigned n = 0;

	*seconds = 0;
	for (size_t i = 0; i < run->n_plan; i++)
		if (run->plan[i].script) {
			*seconds += plan_lasts(run, &run->plan[i]);
			n++;
		}
	return n;
}

/* ---- --plan ---- */

static void phase_show(const struct script *s, const struct script_phase *phase, FILE *to)
{
	const struct phase *p = phase->phase;
	bool named = s->n_proxies > 1 || p->proxy;      /* as --rule takes it: "db: refuse" */
	unsigned n = 0;

	fprintf(to, "      %-20s", phase->name);
	for (size_t k = 0; k < phase->n_rules; k++)
		fprintf(to, "%s%s%s%s", n++ ? "; " : "", named ? phase->rules[k].proxy->name : "",
		        named ? ": " : "", phase->rules[k].words);
	for (size_t k = 0; k < p->n_deeds; k++)
		fprintf(to, "%s%s%s%s", n++ ? "; " : "", deed_names[p->deeds[k].kind],
		        *p->deeds[k].text ? " " : "", p->deeds[k].text);
	if (p->timed)
		fprintf(to, "%s%g s", n ? ", " : "", span_seconds(&p->lasts, &s->world->times));
	fputc('\n', to);
}

static void track_show(const struct script *s, const struct script_track *track, FILE *to)
{
	for (size_t i = 0; i < track->n; i++) {
		const struct script_phase *phase = &track->phases[i];
		if (!phase->n_tracks)
			phase_show(s, phase, to);
		for (size_t k = 0; k < phase->n_tracks; k++)
			track_show(s, &phase->tracks[k], to);
	}
}

void plan_show(const struct run *run, FILE *to)
{
	double seconds;
	unsigned n = plan_count(run, &seconds);
	char summary[200];

	fprintf(to, "%u experiment%s, about %.0f min %.0f s, and the baseline of %g s first\n",
	        n, n == 1 ? "" : "s", seconds < 60 ? 0.0 : (double)(int)(seconds / 60),
	        seconds - 60 * (double)(int)(seconds / 60),
	        seconds_of(option_values(run->options)->baseline));
	for (size_t i = 0; i < run->n_plan; i++) {
		const struct planned *p = &run->plan[i];
		const char *proxy = run->record.proxies.at[p->proxy].name;
		fprintf(to, "\n%2zu  %s/%s  %s, about %.1f s\n", i + 1, proxy, p->scenario->name,
		        scenario_summary(p->scenario, proxy, summary, sizeof summary),
		        plan_lasts(run, p));
		for (size_t k = 0; k < p->script->n_tracks; k++)
			track_show(p->script, &p->script->tracks[k], to);
	}
}
