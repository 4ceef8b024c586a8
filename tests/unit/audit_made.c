/* audit_made.c - makes records of an audit by the same events that a proxy would send. */
#include "audit_made.h"

#include <assert.h>
#include <string.h>

void made_open(struct made *m, unsigned proxy, uint64_t connection, double at)
{
	json_t *event = json_pack("{s:s, s:s, s:f, s:I}", "type", "opened", "proxy",
	                          m->r.proxies.at[proxy].name, "time", at + m->r.offset,
	                          "connection", (json_int_t)connection);
	record_event(&m->r, event);
	json_decref(event);
}

void made_close(struct made *m, uint64_t connection, double at, bool noticed)
{
	json_t *event = json_pack("{s:s, s:s, s:f, s:I, s:b}", "type", "closed", "proxy", "db",
	                          "time", at + m->r.offset, "connection", (json_int_t)connection,
	                          "client_closed", noticed);
	record_event(&m->r, event);
	json_decref(event);
}

void made_fault(struct made *m, const char *behavior, uint64_t connection, double at)
{
	json_t *event = json_pack("{s:s, s:s, s:f, s:I, s:i, s:s, s:s}", "type", "fault", "proxy",
	                          "db", "time", at + m->r.offset, "connection",
	                          (json_int_t)connection, "exchange", 1, "rule", "audit-1",
	                          "behavior", behavior);
	record_event(&m->r, event);
	json_decref(event);
}

void made_gave_up(struct made *m, uint64_t connection, uint64_t exchange, double at, double waited)
{
	json_t *event = json_pack("{s:s, s:s, s:f, s:I, s:I, s:s, s:f, s:s}", "type", "gave_up",
	                          "proxy", "db", "time", at + m->r.offset, "connection",
	                          (json_int_t)connection, "exchange", (json_int_t)exchange, "how",
	                          "closed", "waited", waited, "rule", "audit-1");
	record_event(&m->r, event);
	json_decref(event);
}

static json_t *kinds_make(const char *kinds)
{
	json_t *list = json_array();

	for (const char *p = kinds; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		json_array_append_new(list, json_stringn(p, strcspn(p, ",")));
	}
	return list;
}

void made_ask(struct made *m, struct asked a)
{
	double answered = a.at + (a.took > 0 ? a.took : 0.001);
	bool none = a.unanswered || a.lost;
	double ended = !none ? answered : a.ended > 0 ? a.ended : answered;
	json_t *event = json_pack(
		"{s:s, s:s, s:f, s:I, s:I, s:s, s:o, s:s, s:s, s:f, s:o, s:o, s:o, s:b, s:b, s:o}",
		"type", "exchange", "proxy", m->r.proxies.at[a.proxy].name, "time",
		ended + m->r.offset, "connection", (json_int_t)(a.connection ? a.connection : 1),
		"exchange", (json_int_t)(a.exchange ? a.exchange : 1), "verb", "QUERY", "kinds",
		kinds_make(a.kinds ? a.kinds : "reads,commands"), "shape", a.shape ? a.shape : "1a",
		"digest", a.digest ? a.digest : "1b", "asked", a.at + m->r.offset, "answered",
		none ? json_null() : json_real(answered + m->r.offset), "by",
		none ? json_null() : json_string(a.by_rule ? "rule" : "backend"), "error",
		a.error ? json_string(a.error) : json_null(), "lost", a.lost, "in_transaction",
		a.in_transaction, "rules",
		a.struck || a.lost || a.by_rule ? json_pack("[s]", "audit-1") : json_array());

	assert(event);
	record_event(&m->r, event);
	json_decref(event);
}

void made_sample(struct made *m, unsigned probe, double begun, double took, enum outcome outcome)
{
	static const char *const answers[OUTCOMES] = { "200", "200", "500", "", "refused", "" };

	record_sample(&m->r, probe, begun, begun + took, outcome, true, answers[outcome]);
}

void made_samples(struct made *m, unsigned probe, double from, double to, enum outcome outcome)
{
	static const double took[OUTCOMES] = { 0.01, 0.5, 0.011, 0.3, 0.001, 0 };
	uint64_t n = 0;

	for (double at = from; at < to; at += 0.5) {
		double begun = at + (probe == FRONT ? 0.25 : 0);
		if (probe == STOCK && outcome <= OUTCOME_SLOW)
			made_ask(m, (struct asked){ .at = begun + 0.002,
			                            .connection = 1 + n++ % 2 });
		made_sample(m, probe, begun, took[outcome], outcome);
	}
}

void made_init(struct made *m)
{
	*m = (struct made){ 0 };
	record_init(&m->r);
	m->r.offset = 1700000000;
	m->r.baseline_begun = 0;
	m->r.baseline_ended = 10;
	record_add_proxy(&m->r, "db", "mysql", "127.0.0.1:3307", "db:3306");
	record_add_proxy(&m->r, "cache", "redis", "127.0.0.1:6380", "cache:6379");
	record_add_probe(&m->r, "stock", "GET http://localhost/stock", false);
	record_add_probe(&m->r, "front", "GET http://localhost/", false);
	for (unsigned i = 0; i < 2; i++) {
		m->r.probes.at[i].every = 0.5;
		m->r.probes.at[i].within = 0.25;
		m->r.probes.at[i].timeout = 5;
		m->r.probes.at[i].needs[CACHE].need = NEED_NO;
	}
	m->r.probes.at[STOCK].needs[DB] = (struct probe_need){ NEED_YES, { 1 } };
	m->r.probes.at[FRONT].needs[DB].need = NEED_NO;
	made_open(m, DB, 1, -1);
	made_open(m, DB, 2, -1);
	made_samples(m, STOCK, 0, 12, OUTCOME_OK);
	made_samples(m, FRONT, 0, 12, OUTCOME_OK);
	m->e = record_experiment(&m->r, DB, "restart", "is it back on its feet after a restart?");
	m->e->state = STATE_DONE;
	m->e->begun = 10;
	m->e->t_on = 12;
	m->e->t_off = 22;
	m->e->end = 30;
	m->e->hits = 5;
}

void made_free(struct made *m)
{
	record_free(&m->r);
}

void made_calm(struct made *m)
{
	made_fault(m, "delay", 1, 12.1);
	made_samples(m, STOCK, 12, 30, OUTCOME_OK);
	made_samples(m, FRONT, 12, 30, OUTCOME_OK);
}

static const json_t *findings_at(const json_t *x, const char *place)
{
	size_t i;
	json_t *cell;

	if (!*place)
		return json_object_get(x, "findings");
	json_array_foreach(json_object_get(x, "probes"), i, cell)
		if (!strcmp(json_string_value(json_object_get(cell, "name")), place))
			return json_object_get(cell, "findings");
	return json_object_get(json_object_get(x, place), "findings");
}

bool made_finds(const struct made *m, const char *place, const char *id)
{
	json_t *x = judge_experiment(&m->r, m->e), *f;
	bool found = false;
	size_t i;

	json_array_foreach(findings_at(x, place), i, f)
		found |= !strcmp(json_string_value(json_object_get(f, "id")), id);
	json_decref(x);
	return found;
}
