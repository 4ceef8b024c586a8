/* judge.c - findings and verdicts of one experiment. */
#include "audit/judge.h"

#include <string.h>

#include "audit/judge_cells.h"
#include "base/json.h"

const char *const verdict_names[VERDICTS] = {
	[VERDICT_PASS] = "pass", [VERDICT_DEGRADED] = "degraded",
	[VERDICT_INCONCLUSIVE] = "inconclusive", [VERDICT_FAIL] = "fail",
};

enum verdict verdict_of(const char *name)
{
	for (unsigned i = 0; name && i < VERDICTS; i++)
		if (!strcmp(verdict_names[i], name))
			return (enum verdict)i;
	return VERDICT_INCONCLUSIVE;
}

/* A note changes no verdict. The others have the names and the order of verdicts. */
static enum verdict verdict_by(enum severity severity)
{
	static const enum verdict by[SEVERITIES] = {
		[SEVERITY_NOTE] = VERDICT_PASS, [SEVERITY_DEGRADED] = VERDICT_DEGRADED,
		[SEVERITY_INCONCLUSIVE] = VERDICT_INCONCLUSIVE, [SEVERITY_FAIL] = VERDICT_FAIL,
	};

	return by[severity];
}

static enum verdict worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

/* ---- findings ---- */

json_t *finding_json(const struct finding *f, const char *text)
{
	json_t *one = json_pack("{s:s, s:s, s:o}", "id", f->id, "severity",
	                        severity_names[f->severity], "text", json_text(text));

	if (*f->remedy)
		json_object_set_new(one, "remedy", json_text(f->remedy));
	return one;
}

/* All findings of a table that the evidence shows, worst first. */
static json_t *findings_json(const struct finding *table, const struct evidence *evidence,
                             enum verdict *verdict)
{
	json_t *list = json_array();
	char text[FINDING_TEXT];

	for (int severity = SEVERITY_FAIL; severity >= SEVERITY_NOTE; severity--)
		for (const struct finding *f = table; f->id; f++) {
			if ((int)f->severity != severity || !f->found(evidence, text))
				continue;
			*verdict = worse(*verdict, verdict_by(f->severity));
			json_array_append_new(list, finding_json(f, text));
		}
	return list;
}

static void verdict_put(json_t *object, enum verdict verdict)
{
	json_object_set_new(object, "verdict", json_string(verdict_names[verdict]));
}

/* ---- evidence ---- */

static void evidence_load(struct evidence *e)
{
	const struct record *r = e->measure->record;

	for (unsigned i = 0; i < r->proxies.n; i++) {
		struct load_figures f;
		if (e->measure->hit[i])
			continue;
		measure_load(e->measure, i, &f);
		if (f.stampede && (!e->stampede || f.rate > e->load.rate)) {
			e->stampede = r->proxies.at[i].name;
			e->load = f;
		}
	}
}

static void evidence_collect(struct evidence *e)
{
	const struct measure *m = e->measure;

	measure_connections(m, &e->connections);
	measure_retries(m, &e->retries);
	measure_timeouts(m, &e->connect, &e->request);
	e->twice = measure_executed_twice(m);
	evidence_load(e);
}

/* ---- the experiment ---- */

/* What no cell can be better than: an experiment that shows nothing has no cell that passes. */
static enum verdict floor_of(const json_t *findings)
{
	size_t i;
	json_t *f;

	json_array_foreach(findings, i, f)
		if (!strcmp(json_string_value(json_object_get(f, "severity")), "inconclusive"))
			return VERDICT_INCONCLUSIVE;
	return VERDICT_PASS;
}

static json_t *probes_judge(struct evidence *e, enum verdict floor, enum verdict *worst)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < e->measure->record->probes.n; i++) {
		struct probe_figures figures;
		enum verdict verdict = VERDICT_PASS;
		measure_probe(e->measure, i, &figures);
		e->probe = i;
		e->figures = &figures;
		json_t *cell = cell_json(e->measure, i, &figures);
		json_object_set_new(cell, "findings", findings_json(findings_probe, e, &verdict));
		verdict = worse(verdict, floor);
		verdict_put(cell, verdict);
		*worst = worse(*worst, verdict);
		json_array_append_new(list, cell);
	}
	return list;
}

/* `own`: the verdict of the experiment's own findings, which its connections have, too. */
static void measured_put(json_t *x, struct evidence *e, enum verdict floor, enum verdict own,
                         enum verdict *worst)
{
	enum verdict verdict = own;

	evidence_collect(e);
	json_object_set_new(x, "probes", probes_judge(e, floor, worst));
	json_t *connections = connections_json(&e->connections);
	json_object_set_new(connections, "findings",
	                    findings_json(findings_connections, e, &verdict));
	verdict_put(connections, verdict);
	*worst = worse(*worst, verdict);
	json_object_set_new(x, "connections", connections);
	json_object_set_new(x, "retries", retries_json(&e->retries));
	json_object_set_new(x, "timeouts", timeouts_json(&e->connect, &e->request));
	json_object_set_new(x, "executed_twice", json_integer(e->twice));
	json_object_set_new(x, "load", load_json(e->measure));
	json_object_set_new(x, "series", series_json(e->measure));
}

static void not_measured_put(json_t *x)
{
	json_object_set_new(x, "probes", json_array());
	json_object_set_new(x, "connections", json_null());
	json_object_set_new(x, "retries", json_null());
	json_object_set_new(x, "timeouts", json_pack("{s:n, s:n}", "connect", "request"));
	json_object_set_new(x, "executed_twice", json_integer(0));
	json_object_set_new(x, "load", json_array());
}

static json_int_t number_of(const struct record *r, const struct experiment *e)
{
	for (size_t i = 0; i < r->experiments.n; i++)
		if (r->experiments.at[i] == e)
			return (json_int_t)i + 1;
	return 1;
}

static json_t *plan_json(const struct record *r, const struct experiment *e)
{
	static const char *const states[] = {
		[STATE_NOT_RUN] = "not_run", [STATE_DONE] = "done",
		[STATE_BROKEN_OFF] = "broken_off", [STATE_LEFT_OUT] = "left_out",
	};
	json_t *x = json_object();

	json_object_set_new(x, "number", json_integer(number_of(r, e)));
	json_object_set_new(x, "proxy", json_text(r->proxies.at[e->proxy].name));
	json_object_set_new(x, "outage", json_text(e->outage));
	json_object_set_new(x, "question", json_text(e->question ? e->question : ""));
	json_object_set_new(x, "summary", json_text(e->summary ? e->summary : ""));
	json_object_set_new(x, "state", json_string(states[e->state]));
	json_object_set_new(x, "cure", json_string(e->reconnect ? "reconnect" : "off"));
	json_object_set_new(x, "begun", seconds_json(e->begun));
	json_object_set_new(x, "t_on", seconds_json(e->t_on));
	json_object_set_new(x, "t_off", seconds_json(e->t_off));
	json_object_set_new(x, "end", seconds_json(e->end));
	json_object_set_new(x, "struck", json_integer((json_int_t)e->hits));
	json_object_set_new(x, "unreachable", json_integer((json_int_t)e->unreachable));
	json_object_set_new(x, "needed_restart", json_boolean(e->needed_restart));
	json_object_set_new(x, "phases", phases_json(e));
	return x;
}

json_t *judge_experiment(const struct record *r, const struct experiment *e)
{
	struct measure m;
	struct evidence evidence = { .measure = &m };
	enum verdict own = VERDICT_PASS, worst;
	json_t *x = plan_json(r, e);

	measure_begin(&m, r, e);
	json_object_set_new(x, "t_strike", seconds_json(m.strike));
	json_t *findings = e->state == STATE_LEFT_OUT ? json_array()
		: findings_json(findings_experiment, &evidence, &own);
	json_object_set_new(x, "findings", findings);
	worst = e->state == STATE_LEFT_OUT ? VERDICT_INCONCLUSIVE : own;
	if (has_begun(e))
		measured_put(x, &evidence, floor_of(findings), own, &worst);
	else
		not_measured_put(x);
	verdict_put(x, worst);
	measure_end(&m);
	return x;
}
