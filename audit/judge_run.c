/* judge_run.c - the report of a whole run: leaks, what to mend, what an earlier report has too, and
 * the exit code. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/findings.h"
#include "audit/judge.h"
#include "audit/judge_cells.h"
#include "base/json.h"
#include "base/memory.h"

enum { LEAKS = 3 };                     /* experiments that leave connections over */

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

/* ---- proxies and probes: what is normal ---- */

json_t *judge_proxies(const struct record *r)
{
	struct window w = { r->baseline_begun, r->baseline_ended };
	json_t *list = json_array();

	for (size_t i = 0; i < r->proxies.n; i++) {
		const struct seen_proxy *p = &r->proxies.at[i];
		unsigned least, most;
		double rate = w.to > w.from
			? (double)count_requests(p, w, NULL) / (w.to - w.from) : 0;
		open_range(p, w, &least, &most);
		json_array_append_new(list, json_pack(
			"{s:o, s:o, s:o, s:o, s:b, s:[i, i], s:o}", "name", json_text(p->name),
			"protocol", json_text(p->protocol ? p->protocol : ""),
			"listen", json_text(p->listen ? p->listen : ""),
			"backend", json_text(p->backend ? p->backend : ""), "injected", p->injected,
			"connections", (int)least, (int)most,
			"exchanges_per_second", seconds_json(rate)));
	}
	return list;
}

static json_t *asks_json(const struct record *r, const struct seen_probe *p)
{
	json_t *asks = json_object();

	for (size_t i = 0; i < r->proxies.n; i++) {
		const struct probe_need *need = &p->needs[i];
		const char *name = r->proxies.at[i].name;
		if (need->need == NEED_UNKNOWN)
			json_object_set_new(asks, name, json_null());
		if (need->need != NEED_YES)
			continue;
		json_t *kinds = json_object();
		for (unsigned k = 0; k < KINDS; k++)
			if (need->kinds[k] > 0)
				json_object_set_new(kinds, kind_names[k],
				                    seconds_json(need->kinds[k]));
		json_object_set_new(asks, name, kinds);
	}
	return asks;
}

static json_t *probe_json(const struct record *r, unsigned probe)
{
	const struct seen_probe *p = &r->probes.at[probe];
	struct window w = { r->baseline_begun, r->baseline_ended };
	double *times = xmalloc(r->samples.n * sizeof *times), median;
	size_t n = 0;
	unsigned ok = 0;

	for (size_t i = 0; i < r->samples.n; i++) {
		const struct sample *s = &r->samples.at[i];
		if (s->probe != probe || !in_window(w, s->begun) || s->outcome == OUTCOME_SKIPPED)
			continue;
		times[n++] = (double)s->took;
		ok += s->outcome == OUTCOME_OK;
	}
	median = median_of(times, n);
	json_t *one = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:i, s:i, s:o, s:o}",
		"name", json_text(p->name), "what", json_text(p->what ? p->what : ""),
		"expect", json_text(p->expect ? p->expect : "any"),
		"within", seconds_json(p->within), "timeout", seconds_json(p->timeout),
		"every", seconds_json(p->every), "asks", asks_json(r, p),
		"asks_given", p->asks_given, "samples", (int)n, "ok", (int)ok,
		"median", seconds_json(median), "slowest", seconds_json(n ? times[n - 1] : -1));
	free(times);
	return one;
}

json_t *judge_probes(const struct record *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->probes.n; i++)
		json_array_append_new(list, probe_json(r, i));
	return list;
}

/* ---- leaks ---- */

struct suspect { const struct seen_connection *connection; double since; int experiment; };

struct suspects {
	ROWS(struct suspect) all;
	double since;                   /* the end of the experiment at hand, and its index */
	int experiment;
};

static void suspect_add(void *user, const struct seen_connection *c)
{
	struct suspects *s = user;

	for (size_t i = 0; i < s->all.n; i++)
		if (s->all.at[i].connection == c)
			return;
	*ROWS_ADD(&s->all) = (struct suspect){ c, s->since, s->experiment };
}

/* The spare ones of a pool that grew are used again when much is asked for: they are not
 * forgotten. */
static void suspects_keep_unused(struct suspects *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->all.n; i++)
		if (s->all.at[i].connection->used <= s->all.at[i].since)
			s->all.at[n++] = s->all.at[i];
	s->all.n = n;
}

/* The index of the last experiment that left connections over, if a proxy leaks. -1: no leak. */
static int find_leak(const struct record *r, unsigned proxy, struct suspects *s)
{
	unsigned times = 0;
	int last = -1;

	for (size_t i = 0; i < r->experiments.n; i++) {
		const struct experiment *e = r->experiments.at[i];
		struct measure m;
		if (e->proxy != proxy || !has_begun(e))
			continue;
		measure_begin(&m, r, e);
		s->since = m.end;
		s->experiment = (int)i;
		measure_suspects(&m, suspect_add, s);
		measure_end(&m);
	}
	suspects_keep_unused(s);
	for (size_t i = 0; i < s->all.n; i++) {
		double closed = s->all.at[i].connection->closed;
		if (closed >= 0 && closed <= s->since)
			return -1;
		times += s->all.at[i].experiment != last;
		last = s->all.at[i].experiment;
	}
	return times >= LEAKS ? last : -1;
}

static void leaks_put(const struct record *r, json_t *experiments)
{
	for (unsigned i = 0; i < r->proxies.n; i++) {
		struct suspects s = { 0 };
		int at = find_leak(r, i, &s);
		char sentence[FINDING_TEXT];
		if (at >= 0) {
			json_t *x = json_array_get(experiments, (size_t)at);
			json_t *connections = json_object_get(x, "connections");
			say(sentence, "%zu connections were left over by faults, and none of them"
			    " was closed or used again", s.all.n);
			json_array_insert_new(json_object_get(connections, "findings"), 0,
			                      finding_json(&finding_leak, sentence));
			json_object_set_new(connections, "verdict", json_string("fail"));
			json_object_set_new(x, "verdict", json_string("fail"));
		}
		free(s.all.at);
	}
}

/* ---- places: all that have findings ---- */

/* A place of the report: an experiment itself, its connections, or one of its probes. */
struct place {
	json_t *object, *findings;
	const char *proxy, *outage, *name;      /* name: NULL for the experiment itself */
};

typedef void place_call(void *user, const struct place *);

static void places_each(const json_t *report, place_call *call, void *user)
{
	size_t i, j;
	json_t *x, *cell;

	json_array_foreach(json_object_get(report, "experiments"), i, x) {
		struct place p = { x, json_object_get(x, "findings"), text(x, "proxy"),
		                   text(x, "outage"), NULL };
		call(user, &p);
		json_array_foreach(json_object_get(x, "probes"), j, cell) {
			p.object = cell;
			p.findings = json_object_get(cell, "findings");
			p.name = text(cell, "name");
			call(user, &p);
		}
		p.object = json_object_get(x, "connections");
		p.findings = json_object_get(p.object, "findings");
		p.name = "connections";
		if (json_is_object(p.object))
			call(user, &p);
	}
}

static void place_show(const struct place *p, char *to, size_t size)
{
	snprintf(to, size, "%s/%s%s%s", p->proxy, p->outage, p->name ? "/" : "",
	         p->name ? p->name : "");
}

/* ---- what an earlier report has, too ---- */

struct sought { const struct place *place; struct place found; };

static void place_compare(void *user, const struct place *p)
{
	struct sought *s = user;
	const char *name = s->place->name;

	if (!strcmp(p->proxy, s->place->proxy) && !strcmp(p->outage, s->place->outage)
	    && !p->name == !name && (!name || !strcmp(p->name, name)))
		s->found = *p;
}

static struct place place_find(const json_t *report, const struct place *p)
{
	struct sought s = { .place = p };

	places_each(report, place_compare, &s);
	return s.found;
}

/* Does it count for exit code 1? */
static bool counts(const json_t *finding, enum verdict fail_on)
{
	enum verdict v = verdict_of(text(finding, "severity"));

	return strcmp(text(finding, "severity"), "note")
	       && (v == VERDICT_FAIL || (v == VERDICT_DEGRADED && fail_on == VERDICT_DEGRADED));
}

static bool has_finding(const json_t *findings, const json_t *finding)
{
	size_t i;
	json_t *f;

	json_array_foreach(findings, i, f)
		if (!strcmp(text(f, "id"), text(finding, "id"))
		    && verdict_of(text(f, "severity")) >= verdict_of(text(finding, "severity")))
			return true;
	return false;
}

struct comparison {
	const struct run_facts *facts;
	json_t *worse, *better;
	int known;
};

static void place_against(void *user, const struct place *p)
{
	struct comparison *c = user;
	struct place before = place_find(c->facts->against, p);
	enum verdict now = verdict_of(text(p->object, "verdict")), then;
	bool all = true, any = false;
	char where[256];
	size_t i;
	json_t *f;

	json_array_foreach(p->findings, i, f) {
		if (!counts(f, c->facts->fail_on))
			continue;
		bool known = has_finding(before.findings, f);
		if (known)
			json_object_set_new(f, "known", json_true());
		all &= known;
		any = true;
	}
	if (!p->name)
		return;
	if (any && all) {
		json_object_set_new(p->object, "known", json_true());
		c->known++;
	}
	if (!before.object)
		return;
	then = verdict_of(text(before.object, "verdict"));
	place_show(p, where, sizeof where);
	if (now != then)
		json_array_append_new(now > then ? c->worse : c->better, json_text(where));
}

static void against_put(json_t *report, const struct run_facts *facts)
{
	struct comparison c = { facts, json_array(), json_array(), 0 };
	const char *file = facts->against_file ? facts->against_file : "";

	places_each(report, place_against, &c);
	json_object_set_new(report, "against", json_pack("{s:o, s:o, s:o, s:o, s:i}",
		"file", json_text(file), "started", json_text(text(facts->against, "started")),
		"worse", c.worse, "better", c.better, "known", c.known));
}

bool judge_against_good(const json_t *report, char error[ERROR_MAX])
{
	if (!strcmp(text(report, "schema"), "vaurien-audit/1")
	    && json_is_array(json_object_get(report, "experiments")))
		return true;
	error_format(error, "against: expected a report with the schema vaurien-audit/1");
	return false;
}

/* ---- what to mend ---- */

struct summary {
	const struct finding *finding;
	json_t *where;
	char names[200];                /* of proxies or probes, joined by ", " */
	bool known;
};

struct summaries { ROWS(struct summary) rows; };

static struct summary *summary_get(struct summaries *s, const struct finding *f)
{
	for (size_t i = 0; i < s->rows.n; i++)
		if (s->rows.at[i].finding == f)
			return &s->rows.at[i];
	struct summary *new = ROWS_ADD(&s->rows);
	*new = (struct summary){ .finding = f, .where = json_array(), .known = true };
	return new;
}

static bool has_name(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = names; (p = strstr(p, name)); p++)
		if ((p == names || p[-1] == ' ') && (!p[n] || p[n] == ',' || p[n] == ' '))
			return true;
	return false;
}

static void place_summarize(void *user, const struct place *p)
{
	char where[256];
	size_t i;
	json_t *f;

	place_show(p, where, sizeof where);
	json_array_foreach(p->findings, i, f) {
		const struct finding *finding = finding_find(text(f, "id"));
		if (!finding)
			continue;
		struct summary *s = summary_get(user, finding);
		const char *name = finding->of_probes && p->name ? p->name : p->proxy;
		json_array_append_new(s->where, json_text(where));
		s->known &= json_is_true(json_object_get(f, "known"));
		if (!has_name(s->names, name))
			text_add(s->names, sizeof s->names, "%s%s",
			         !*s->names ? "" : finding->of_probes ? ", " : " or ", name);
	}
}

/* Worst first; among equals, what is in more places. */
static int by_weight(const void *a, const void *b)
{
	const struct summary *x = a, *y = b;
	int more = (int)json_array_size(y->where) - (int)json_array_size(x->where);

	if (x->finding->severity != y->finding->severity)
		return (int)y->finding->severity - (int)x->finding->severity;
	return more ? more : strcmp(x->finding->id, y->finding->id);
}

static json_t *findings_json(const json_t *report)
{
	struct summaries s = { 0 };
	json_t *list = json_array();

	places_each(report, place_summarize, &s);
	if (s.rows.n)
		qsort(s.rows.at, s.rows.n, sizeof *s.rows.at, by_weight);
	for (size_t i = 0; i < s.rows.n; i++) {
		const struct summary *one = &s.rows.at[i];
		const char *hole = strstr(one->finding->summary, "%s");
		char sentence[FINDING_TEXT];
		int before = hole ? (int)(hole - one->finding->summary) : -1;
		snprintf(sentence, sizeof sentence, "%.*s%s%s", before, one->finding->summary,
		         hole ? one->names : "", hole ? hole + 2 : "");
		json_t *row = json_pack("{s:s, s:s, s:o, s:s, s:o}", "id", one->finding->id,
		                        "severity", severity_names[one->finding->severity],
		                        "where", one->where, "remedy", one->finding->remedy,
		                        "text", json_text(sentence));
		if (one->known)
			json_object_set_new(row, "known", json_true());
		json_array_append_new(list, row);
	}
	free(s.rows.at);
	return list;
}

/* ---- counts, the verdict and the exit code ---- */

struct tally {
	enum verdict fail_on;
	unsigned n[VERDICTS], known;
	bool failed, inconclusive;
};

static void place_tally(void *user, const struct place *p)
{
	struct tally *t = user;
	size_t i;
	json_t *f;

	if (p->name) {
		enum verdict v = verdict_of(text(p->object, "verdict"));
		t->n[v]++;
		t->known += json_is_true(json_object_get(p->object, "known"));
	}
	json_array_foreach(p->findings, i, f) {
		t->failed |= counts(f, t->fail_on) && !json_is_true(json_object_get(f, "known"));
		t->inconclusive |= !strcmp(text(f, "severity"), "inconclusive");
	}
}

/* Of experiments that were not run: each of their pairs. */
static void tally_not_run(const struct record *r, struct tally *t)
{
	for (size_t i = 0; i < r->experiments.n; i++)
		if (!has_begun(r->experiments.at[i])
		    && r->experiments.at[i]->state != STATE_LEFT_OUT)
			t->n[VERDICT_INCONCLUSIVE] += (unsigned)r->probes.n + 1;
}

/* Nothing that was tried is nothing that passes. */
static enum verdict run_verdict(const struct record *r, const json_t *experiments)
{
	enum verdict worst = VERDICT_PASS;
	bool tried = false;

	for (size_t i = 0; i < r->experiments.n; i++) {
		enum verdict v = verdict_of(text(json_array_get(experiments, i), "verdict"));
		if (r->experiments.at[i]->state == STATE_LEFT_OUT)
			continue;
		tried = true;
		worst = v > worst ? v : worst;
	}
	return tried ? worst : VERDICT_INCONCLUSIVE;
}

static int exit_code(const struct tally *t, const struct run_facts *facts, enum verdict verdict)
{
	static const char *const impossible[] = {
		"guard", "api_lost", "no_baseline", "not_started",
	};

	if (facts->signal)
		return 128 + facts->signal;
	for (size_t i = 0; facts->how && i < sizeof impossible / sizeof impossible[0]; i++)
		if (!strcmp(facts->how, impossible[i]))
			return 4;
	return t->failed ? 1 : t->inconclusive || verdict == VERDICT_INCONCLUSIVE ? 3 : 0;
}

/* ---- the report ---- */

static json_t *seed_json(uint64_t seed)
{
	char buffer[24];

	if (seed <= INT64_MAX)
		return json_integer((json_int_t)seed);
	snprintf(buffer, sizeof buffer, "%llu", (unsigned long long)seed);
	return json_string(buffer);
}

static json_t *borrowed(const json_t *value, json_t *otherwise)
{
	if (!value)
		return otherwise;
	json_decref(otherwise);
	return json_incref((json_t *)value);
}

static void facts_put(json_t *report, const struct record *r, const struct run_facts *facts)
{
	json_t *command = facts->command ? json_text(facts->command) : json_null();
	const char *how = facts->how ? facts->how : "complete";

	json_object_set_new(report, "schema", json_string("vaurien-audit/1"));
	json_object_set_new(report, "program", json_text(facts->program ? facts->program : ""));
	json_object_set_new(report, "seed", seed_json(facts->seed));
	json_object_set_new(report, "started", json_text(facts->started ? facts->started : ""));
	json_object_set_new(report, "took", seconds_json(facts->took));
	json_object_set_new(report, "fail_on", json_string(verdict_names[facts->fail_on]));
	json_object_set_new(report, "ended", json_pack("{s:o, s:o}", "how", json_text(how),
		"text", json_text(facts->text ? facts->text : "")));
	json_object_set_new(report, "notes", borrowed(facts->notes, json_array()));
	json_object_set_new(report, "application", json_pack("{s:o, s:i, s:i}", "command", command,
		"exits", (int)facts->exits, "restarts", (int)facts->restarts));
	json_object_set_new(report, "options", borrowed(facts->options, json_object()));
	json_object_set_new(report, "command_line", borrowed(facts->command_line, json_array()));
	json_object_set_new(report, "clock_uncertainty", seconds_json(facts->clock_uncertainty));
	json_object_set_new(report, "events_lost", json_integer((json_int_t)r->lost));
	json_object_set_new(report, "proxies", judge_proxies(r));
	json_object_set_new(report, "probes", judge_probes(r));
}

json_t *judge_run(const struct record *r, const struct run_facts *facts)
{
	struct tally t = { .fail_on = facts->fail_on };
	json_t *report = json_object(), *experiments = json_array();

	facts_put(report, r, facts);
	for (size_t i = 0; i < r->experiments.n; i++)
		json_array_append_new(experiments, judge_experiment(r, r->experiments.at[i]));
	leaks_put(r, experiments);
	json_object_set_new(report, "experiments", experiments);
	if (facts->against)
		against_put(report, facts);
	json_object_set_new(report, "findings", findings_json(report));
	places_each(report, place_tally, &t);
	tally_not_run(r, &t);
	json_object_set_new(report, "counts", json_pack("{s:i, s:i, s:i, s:i, s:i}",
		"pass", (int)t.n[VERDICT_PASS], "degraded", (int)t.n[VERDICT_DEGRADED],
		"inconclusive", (int)t.n[VERDICT_INCONCLUSIVE], "fail", (int)t.n[VERDICT_FAIL],
		"known", (int)t.known));
	enum verdict verdict = run_verdict(r, experiments);
	json_object_set_new(report, "verdict", json_string(verdict_names[verdict]));
	json_object_set_new(report, "exit", json_integer(exit_code(&t, facts, verdict)));
	return report;
}
