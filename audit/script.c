/* script.c - a scenario made for certain proxies: rules chosen, `use` and `repeat` resolved. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audit/scenario.h"
#include "audit/scenario_rule.h"
#include "base/memory.h"

enum {
	USES_DEEPEST = 16,              /* scenarios that use each other */
	PHASES_MOST  = 20000,           /* of a script, with all repetitions */
};

struct use { const struct scenario *scenario; const struct use *above; };

struct maker {
	const struct scenarios *all;
	const struct scenario_world *world;
	size_t phases;                  /* made so far */
	char *error;
};

struct proxies { size_t n; const struct scenario_proxy **at; };

static bool refuse(struct maker *m, const struct file_place *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(struct maker *m, const struct file_place *at, const char *format, ...)
{
	char why[ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	error_format(m->error, "%s:%d: %s", at->file, at->line, why);
	return false;
}

/* ---- does it fit? ---- */

static bool protocol_listed(const char *list, const struct vn_protocol *p)
{
	char ignored[ERROR_MAX], *word;
	bool not = false, found = false;

	for (; (word = word_next(&list, ignored)); free(word)) {
		not |= !strcmp(word, "not");
		found |= !strcmp(word, p->name);
	}
	return found != not;
}

static bool use_known(const struct use *above, const struct scenario *s)
{
	unsigned depth = 0;

	for (; above; above = above->above)
		if (above->scenario == s || ++depth == USES_DEEPEST)
			return true;
	return false;
}

static bool fits(const struct scenarios *all, const struct scenario *s, const struct use *above,
                 const struct scenario_proxy *proxy, char why[ERROR_MAX])
{
	const struct use use = { s, above };

	if (s->protocols && !protocol_listed(s->protocols, proxy->protocol)) {
		error_format(why, "%s is for the protocols: %s", s->name, s->protocols);
		return false;
	}
	for (size_t i = 0; i < s->n_phases; i++) {
		const struct phase *p = &s->phases[i];
		const struct scenario *used = p->use ? scenario_find(all, p->use) : NULL;
		for (size_t k = 0; !p->proxy && k < p->n_rules; k++)
			if (!phase_rule_pick(&p->rules[k], proxy, why))
				return false;
		if (used && !p->proxy && !use_known(&use, used) &&
		    !fits(all, used, &use, proxy, why))
			return false;
	}
	return true;
}

bool scenario_fits(const struct scenarios *all, const struct scenario *s,
                   const struct scenario_proxy *proxy, char why[ERROR_MAX])
{
	return fits(all, s, NULL, proxy, why);
}

/* ---- names ---- */

static const struct scenario_proxy *proxy_find(struct maker *m, const char *name,
                                               const struct file_place *at)
{
	char known[120] = "", meant[SUGGEST_MAX];
	struct name_list list = { known, sizeof known, 0 };
	struct suggestion near = { .word = name };

	for (size_t i = 0; i < m->world->n_proxies; i++) {
		const struct scenario_proxy *p = &m->world->proxies[i];
		if (!strcmp(p->name, name) && p->injected)
			return p;
		if (!strcmp(p->name, name)) {
			refuse(m, at, "proxy: expected a proxy that --only names, got '%.48s'",
			       name);
			return NULL;
		}
		suggest_try(&near, p->name);
		name_list_add(&list, p->name);
	}
	name_list_end(&list, "the settings");
	refuse(m, at, "proxy: there is no proxy '%.48s'; expected one of %s%s", name, known,
	       suggest_show(&near, "", meant));
	return NULL;
}

static bool terms_check(struct maker *m, const struct condition *c, const struct file_place *at,
                        const char *key)
{
	const char **names = xcalloc(m->world->n_proxies, sizeof *names);
	struct metric_names known = { m->world->n_proxies, names, m->world->n_probes,
	                              m->world->probes };
	char why[ERROR_MAX];
	bool good = true;

	for (size_t i = 0; i < m->world->n_proxies; i++)
		names[i] = m->world->proxies[i].name;
	for (size_t i = 0; good && i < c->n; i++)
		good = metric_check(&c->terms[i].metric, &known, why);
	free(names);
	return good || refuse(m, at, "%s: %s", key, why);
}

static bool metrics_check(struct maker *m, const struct phase *p)
{
	if ((p->until && !terms_check(m, p->until, &p->until_place, "until")) ||
	    (p->when && !terms_check(m, p->when, &p->when_place, "when")))
		return false;
	for (size_t i = 0; i < p->n_expects; i++) {
		struct condition one = { 1, { p->expects[i].assertion.term } };
		if (!terms_check(m, &one, &p->expects[i].place, "expect"))
			return false;
	}
	return true;
}

/* ---- phases ---- */

static bool add_tracks(struct maker *, struct script_track **, size_t *n, const struct use *,
                       const struct proxies *, const char *prefix);

static bool add_rule(struct maker *m, struct script_phase *to, const struct phase_rule *rule,
                     const struct scenario_proxy *proxy)
{
	char why[ERROR_MAX];
	char *words = phase_rule_choose(rule, proxy, &m->world->times, m->world->client, why);

	if (!words)
		return refuse(m, &rule->place, "proxy '%.40s' (%s): %s", proxy->name,
		              proxy->protocol->name, why);
	to->rules = xrealloc(to->rules, (to->n_rules + 1) * sizeof *to->rules);
	to->rules[to->n_rules++] = (struct script_rule){ proxy, words };
	return true;
}

static bool deeds_change(const struct phase *p)
{
	for (size_t i = 0; i < p->n_deeds; i++)
		if (p->deeds[i].kind <= DEED_DISABLE || p->deeds[i].kind == DEED_BACKEND)
			return true;
	return false;
}

static bool add_use(struct maker *m, struct script_phase *to, const struct use *above)
{
	const struct phase *p = to->phase;
	const struct scenario *s = scenario_find(m->all, p->use);
	struct proxies proxies = { to->n_proxies, to->proxies };
	const struct use use = { s, above };
	char meant[SUGGEST_MAX], prefix[200];

	if (!s)
		return refuse(m, &p->use_place, "use: there is no scenario '%.48s'%s", p->use,
		              scenario_suggest(m->all, p->use, meant));
	if (use_known(above, s))
		return refuse(m, &p->use_place, "use: '%s' uses this scenario in turn, expected no "
		              "circle", s->name);
	for (unsigned i = 1; i <= p->repeat; i++) {
		snprintf(prefix, sizeof prefix, "%s.", to->name);
		if (p->repeat > 1)
			text_add(prefix, sizeof prefix, "%u.", i);
		if (!add_tracks(m, &to->tracks, &to->n_tracks, &use, &proxies, prefix))
			return false;
	}
	return true;
}

static bool phase_make(struct maker *m, struct script_phase *to, const struct phase *p,
                       const struct use *use, const struct proxies *proxies, const char *prefix)
{
	const struct scenario_proxy *own = NULL;
	struct proxies mine = *proxies;

	*to = (struct script_phase){ .phase = p, .faulty = p->n_rules || deeds_change(p) };
	to->name = xasprintf("%s%s", prefix, p->name);
	if (++m->phases > PHASES_MOST)
		return refuse(m, &p->place, "expected at most %d phases, with all repetitions",
		              PHASES_MOST);
	if (p->proxy) {
		if (!(own = proxy_find(m, p->proxy, &p->proxy_place)))
			return false;
		mine = (struct proxies){ 1, &own };
	}
	to->n_proxies = mine.n;
	to->proxies = xcalloc(mine.n, sizeof(void *));
	memcpy(to->proxies, mine.at, mine.n * sizeof(void *));
	for (size_t i = 0; i < p->n_rules; i++)
		for (size_t k = 0; k < mine.n; k++)
			if (!add_rule(m, to, &p->rules[i], mine.at[k]))
				return false;
	return metrics_check(m, p) && (!p->use || add_use(m, to, use));
}

static bool track_make(struct maker *m, struct script_track *track, const struct use *use,
                       const struct proxies *proxies, const char *prefix)
{
	const struct scenario *s = use->scenario;

	*track = (struct script_track){ .phases = xcalloc(s->n_phases, sizeof *track->phases) };
	while (track->n < s->n_phases) {
		size_t i = track->n++;
		if (!phase_make(m, &track->phases[i], &s->phases[i], use, proxies, prefix))
			return false;
	}
	return true;
}

/* The tracks of a scenario: one for each proxy in turn, if it says so, and each repetition. */
static bool add_tracks(struct maker *m, struct script_track **tracks, size_t *n,
                       const struct use *use, const struct proxies *proxies, const char *prefix)
{
	const struct scenario *s = use->scenario;
	size_t turns = s->spread == SPREAD_EACH ? proxies->n : 1;
	char longer[300];

	for (size_t turn = 0; turn < turns; turn++)
		for (unsigned i = 1; i <= s->repeat; i++) {
			struct proxies these = { proxies->n / turns, proxies->at + turn };
			snprintf(longer, sizeof longer, "%s", prefix);
			if (turns > 1)
				text_add(longer, sizeof longer, "%s.", these.at[0]->name);
			if (s->repeat > 1)
				text_add(longer, sizeof longer, "%u.", i);
			*tracks = xrealloc(*tracks, (*n + 1) * sizeof **tracks);
			if (!track_make(m, &(*tracks)[(*n)++], use, &these, longer))
				return false;
		}
	return true;
}

/* ---- how long, and what is faulty ---- */

static double track_measure(struct script_track *, const struct span_times *, bool *faulty);

static double phase_measure(struct script_phase *p, const struct span_times *times)
{
	double lasts = p->phase->timed ? span_seconds(&p->phase->lasts, times) : 0;

	for (size_t i = 0; i < p->n_tracks; i++)
		lasts += track_measure(&p->tracks[i], times, &p->faulty);
	return lasts;
}

static double track_measure(struct script_track *track, const struct span_times *times,
                            bool *faulty)
{
	double turn = 0, end = 0;       /* when the next phase's turn comes; when all are over */

	for (size_t i = 0; i < track->n; i++) {
		struct script_phase *p = &track->phases[i];
		double begin = turn, lasts = phase_measure(p, times);
		if (p->phase->has_after)
			begin += span_seconds(&p->phase->after, times);
		if (p->phase->has_at)
			begin = fmax(begin, span_seconds(&p->phase->at, times));
		turn = p->phase->meanwhile ? begin : begin + lasts;
		end = fmax(end, begin + lasts);
		*faulty |= p->faulty;
	}
	return end;
}

/* ---- scripts ---- */

static bool proxies_choose(struct maker *m, struct script *script, const struct scenario_proxy *one)
{
	const struct scenario *s = script->scenario;
	const struct scenario_world *w = m->world;

	script->proxies = xcalloc(w->n_proxies + 1, sizeof(void *));
	if (s->spread == SPREAD_ONE && !(one = proxy_find(m, s->proxy, &s->proxy_place)))
		return false;
	if (s->spread == SPREAD_ONE || s->spread == SPREAD_FIT) {
		script->proxies[script->n_proxies++] = one;
		return true;
	}
	for (size_t i = 0; i < w->n_proxies; i++)
		if (w->proxies[i].injected)
			script->proxies[script->n_proxies++] = &w->proxies[i];
	return script->n_proxies || refuse(m, &s->place, "[scenario:%s]: there is no proxy for it",
	                                   s->name);
}

static bool all_fit(struct maker *m, const struct script *script)
{
	const struct scenario *s = script->scenario;
	char why[ERROR_MAX];

	for (size_t i = 0; s->protocols && i < script->n_proxies; i++)
		if (!protocol_listed(s->protocols, script->proxies[i]->protocol)) {
			fits(m->all, s, NULL, script->proxies[i], why);
			return refuse(m, &s->place, "proxy '%.40s' (%s): %s",
			              script->proxies[i]->name,
			              script->proxies[i]->protocol->name, why);
		}
	return true;
}

static bool script_fill(struct maker *m, struct script *script, const struct scenario_proxy *one)
{
	const struct use use = { script->scenario, NULL };
	bool faulty = false;

	if (!proxies_choose(m, script, one) || !all_fit(m, script))
		return false;
	struct proxies proxies = { script->n_proxies, script->proxies };
	if (!add_tracks(m, &script->tracks, &script->n_tracks, &use, &proxies, ""))
		return false;
	for (size_t i = 0; i < script->n_tracks; i++)
		script->lasts += track_measure(&script->tracks[i], &m->world->times, &faulty);
	return true;
}

struct script *scenario_script_make(const struct scenarios *all, const struct scenario *s,
                                    const struct scenario_world *world,
                                    const struct scenario_proxy *one, char error[ERROR_MAX])
{
	struct maker m = { .all = all, .world = world, .error = error };
	struct script *script = xcalloc(1, sizeof *script);

	script->scenario = s;
	script->world = world;
	if (script_fill(&m, script, one))
		return script;
	scenario_script_free(script);
	return NULL;
}

static void tracks_free(struct script_track *tracks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < tracks[i].n; k++) {
			struct script_phase *p = &tracks[i].phases[k];
			tracks_free(p->tracks, p->n_tracks);
			for (size_t j = 0; j < p->n_rules; j++)
				free(p->rules[j].words);
			free(p->rules);
			free(p->proxies);
			free(p->name);
		}
		free(tracks[i].phases);
	}
	free(tracks);
}

void scenario_script_free(struct script *script)
{
	tracks_free(script->tracks, script->n_tracks);
	free(script->proxies);
	free(script);
}
