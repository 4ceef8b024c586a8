/* record.c - appends to the record of a run what probes got and what proxies reported. */
#include "audit/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LONG_WAIT 2.0                   /* seconds: a request that waits so long waits for good */

const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_OK] = "ok", [OUTCOME_SLOW] = "slow", [OUTCOME_ERROR] = "error",
	[OUTCOME_TIMEOUT] = "timeout", [OUTCOME_DOWN] = "down", [OUTCOME_SKIPPED] = "skipped",
};

const char *const kind_names[KINDS] = {
	"reads", "writes", "begins", "commits", "logins", "commands", "rollbacks",
};

void rows_grow(void **at, size_t *n, size_t *room, size_t size)
{
	if (*n == *room) {
		*room = *room ? *room * 2 : 8;
		*at = xrealloc(*at, *room * size);
	}
	memset((char *)*at + (*n)++ * size, 0, size);
}

/* ---- begin and end ---- */

void record_init(struct record *r)
{
	*r = (struct record){
		.limits = { .recover_within = 30, .give_up = 90, .aftermath = 3 },
		.baseline_begun = -1, .baseline_ended = -1,
	};
}

static void proxy_free(struct seen_proxy *p)
{
	free(p->name);
	free(p->protocol);
	free(p->listen);
	free(p->backend);
	free(p->connections.at);
	free(p->exchanges.at);
	free(p->gave_up.at);
	free(p->faults.at);
	free(p->looks.at);
}

static void phase_free(struct phase_record *p)
{
	for (size_t i = 0; i < p->rules.n; i++)
		free(p->rules.at[i]);
	for (size_t i = 0; i < p->does.n; i++)
		free(p->does.at[i]);
	for (size_t i = 0; i < p->expectations.n; i++) {
		free(p->expectations.at[i].text);
		free(p->expectations.at[i].why);
	}
	free(p->rules.at);
	free(p->does.at);
	free(p->expectations.at);
	free(p->name);
}

static void experiment_free(struct experiment *e)
{
	for (size_t i = 0; i < e->phases.n; i++)
		phase_free(&e->phases.at[i]);
	free(e->phases.at);
	free(e->aimed.at);
	free(e->outage);
	free(e->question);
	free(e->summary);
	free(e->why);
	free(e->missed);
	free(e->exit_text);
	free(e);
}

void record_free(struct record *r)
{
	for (size_t i = 0; i < r->proxies.n; i++)
		proxy_free(&r->proxies.at[i]);
	for (size_t i = 0; i < r->probes.n; i++) {
		free(r->probes.at[i].name);
		free(r->probes.at[i].what);
		free(r->probes.at[i].expect);
		free(r->probes.at[i].needs);
	}
	for (size_t i = 0; i < r->experiments.n; i++)
		experiment_free(r->experiments.at[i]);
	for (size_t i = 0; i < r->answers.n; i++)
		free(r->answers.at[i]);
	free(r->proxies.at);
	free(r->probes.at);
	free(r->samples.at);
	free(r->experiments.at);
	free(r->answers.at);
	free(r->losses.at);
	*r = (struct record){ 0 };
}

/* ---- proxies, probes, experiments ---- */

unsigned record_add_proxy(struct record *r, const char *name, const char *protocol,
                          const char *listen, const char *backend)
{
	struct seen_proxy *p = ROWS_ADD(&r->proxies);

	p->name = xstrdup(name);
	p->protocol = xstrdup(protocol);
	p->listen = xstrdup(listen);
	p->backend = xstrdup(backend);
	p->injected = true;
	for (size_t i = 0; i < r->probes.n; i++) {      /* of probes that were added before */
		struct seen_probe *probe = &r->probes.at[i];
		probe->needs = xrealloc(probe->needs, r->proxies.n * sizeof *probe->needs);
		probe->needs[r->proxies.n - 1] = (struct probe_need){ .need = NEED_UNKNOWN };
	}
	return (unsigned)r->proxies.n - 1;
}

unsigned record_add_probe(struct record *r, const char *name, const char *what, bool command)
{
	struct seen_probe *p = ROWS_ADD(&r->probes);

	p->name = xstrdup(name);
	p->what = xstrdup(what);
	p->command = command;
	p->needs = xcalloc(r->proxies.n, sizeof *p->needs);
	for (size_t i = 0; i < r->proxies.n; i++)
		p->needs[i].need = NEED_UNKNOWN;
	return (unsigned)r->probes.n - 1;
}

int record_find_proxy(const struct record *r, const char *name)
{
	for (size_t i = 0; i < r->proxies.n; i++)
		if (!strcmp(r->proxies.at[i].name, name))
			return (int)i;
	return -1;
}

int record_find_probe(const struct record *r, const char *name)
{
	for (size_t i = 0; i < r->probes.n; i++)
		if (!strcmp(r->probes.at[i].name, name))
			return (int)i;
	return -1;
}

struct experiment *record_experiment(struct record *r, unsigned proxy, const char *outage,
                                     const char *question)
{
	struct experiment *e = xcalloc(1, sizeof *e);

	*e = (struct experiment){
		.proxy = proxy, .outage = xstrdup(outage), .question = xstrdup(question),
		.begun = -1, .t_on = -1, .t_off = -1, .end = -1, .exited_at = -1,
	};
	*ROWS_ADD(&r->experiments) = e;
	return e;
}

struct phase_record *experiment_phase(struct experiment *e, const char *name, bool fault)
{
	struct phase_record *p = ROWS_ADD(&e->phases);

	p->name = xstrdup(name);
	p->fault = fault;
	p->begun = p->ended = -1;
	return p;
}

/* ---- samples ---- */

/* The number of this text among the answers. There are few: the newest is looked at first. */
static uint16_t answer_number(struct record *r, const char *text)
{
	for (size_t i = r->answers.n; i-- > 0;)
		if (!strcmp(r->answers.at[i], text))
			return (uint16_t)i;
	if (r->answers.n > UINT16_MAX)
		return 0;
	*ROWS_ADD(&r->answers) = xstrndup(text, 64);
	return (uint16_t)(r->answers.n - 1);
}

void record_sample(struct record *r, unsigned probe, double begun, double ended,
                   enum outcome outcome, bool alone, const char *answer)
{
	struct sample *s = ROWS_ADD(&r->samples);

	*s = (struct sample){
		.begun = begun, .took = ended > begun ? (float)(ended - begun) : 0,
		.probe = (uint16_t)probe, .answer = answer_number(r, answer ? answer : ""),
		.outcome = (uint8_t)outcome, .alone = alone,
	};
}

const char *sample_answer(const struct record *r, const struct sample *s)
{
	return s->answer < r->answers.n ? r->answers.at[s->answer] : "";
}

/* ---- connections ---- */

struct seen_connection *record_connection(const struct seen_proxy *p, uint64_t number)
{
	size_t low = 0, high = p->connections.n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (p->connections.at[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	bool there = low < p->connections.n && p->connections.at[low].number == number;
	return there ? &p->connections.at[low] : NULL;
}

/* The connection of this number, known from now on. It was there at `opened` at the latest. */
static struct seen_connection *connection_get(struct seen_proxy *p, uint64_t number, double opened)
{
	struct seen_connection *c = record_connection(p, number);

	if (c)
		return c;
	c = ROWS_ADD(&p->connections);
	for (; c > p->connections.at && c[-1].number > number; c--)     /* mostly not once */
		*c = c[-1];
	*c = (struct seen_connection){
		.number = number, .opened = opened, .closed = -1, .used = -1, .stuck_since = -1,
	};
	return c;
}

/* ---- events ---- */

static double real(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static uint64_t count(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static uint64_t hex(const json_t *object, const char *key)
{
	return strtoull(text(object, key), NULL, 16);
}

static bool of_audit(const char *rule)
{
	return !strncmp(rule, "audit-", 6);
}

struct event_time { double now, offset; };

static void take_opened(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	connection_get(p, count(event, "connection"), t.now)->opened = t.now;
}

static void take_closed(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	struct seen_connection *c = connection_get(p, count(event, "connection"),
	                                           t.now - real(event, "age"));

	c->closed = t.now;
	c->unnoticed = json_is_false(json_object_get(event, "client_closed"));
}

static void fault_put(struct seen_proxy *p, const json_t *event, struct event_time t,
                      bool unreachable)
{
	if (!of_audit(text(event, "rule")))
		return;
	struct seen_fault *f = ROWS_ADD(&p->faults);
	f->time = t.now;
	f->connection = count(event, "connection");
	f->exchange = count(event, "exchange");
	f->unreachable = unreachable;
	snprintf(f->behavior, sizeof f->behavior, "%s", text(event, "behavior"));
	if (!unreachable && (!strcmp(f->behavior, "vanish") || !strcmp(f->behavior, "stall")))
		f->silences = true;
}

static void take_fault(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	fault_put(p, event, t, false);
}

static void take_unreachable(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	fault_put(p, event, t, true);
}

static uint8_t kinds_read(const json_t *list)
{
	unsigned kinds = 0;
	size_t i;
	json_t *name;

	json_array_foreach(list, i, name)
		for (unsigned k = 0; k < KINDS; k++)
			if (json_is_string(name) && !strcmp(json_string_value(name), kind_names[k]))
				kinds |= 1u << k;
	return (uint8_t)kinds;
}

static bool struck(const json_t *rules)
{
	size_t i;
	json_t *name;

	json_array_foreach(rules, i, name)
		if (json_is_string(name) && of_audit(json_string_value(name)))
			return true;
	return false;
}

static void take_exchange(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	struct seen_exchange *x = ROWS_ADD(&p->exchanges);
	const json_t *answered = json_object_get(event, "answered");

	x->connection = count(event, "connection");
	x->exchange = count(event, "exchange");
	x->shape = hex(event, "shape");
	x->digest = hex(event, "digest");
	x->asked = real(event, "asked") - t.offset;
	x->answered = json_is_number(answered) ? json_number_value(answered) - t.offset : -1;
	x->ended = t.now;
	snprintf(x->verb, sizeof x->verb, "%s", text(event, "verb"));
	snprintf(x->error, sizeof x->error, "%s", text(event, "error"));
	x->kinds = kinds_read(json_object_get(event, "kinds"));
	x->by = !strcmp(text(event, "by"), "backend") ? BY_BACKEND
	      : !strcmp(text(event, "by"), "rule") ? BY_RULE : BY_NOBODY;
	x->struck = struck(json_object_get(event, "rules"));
	x->lost_reply = json_is_true(json_object_get(event, "lost"));
	x->in_transaction = json_is_true(json_object_get(event, "in_transaction"));

	struct seen_connection *c = connection_get(p, x->connection, x->asked);
	if (x->asked > c->used && x->exchange)
		c->used = x->asked;
}

static void take_gave_up(struct seen_proxy *p, const json_t *event, struct event_time t)
{
	struct seen_gave_up *g = ROWS_ADD(&p->gave_up);

	g->time = t.now;
	g->connection = count(event, "connection");
	g->exchange = count(event, "exchange");
	g->waited = real(event, "waited");
	g->ruled = *text(event, "rule");
	snprintf(g->how, sizeof g->how, "%s", text(event, "how"));
}

static const struct event_type {
	const char *name;
	void (*take)(struct seen_proxy *, const json_t *event, struct event_time);
} event_types[] = {
	{ "opened", take_opened }, { "closed", take_closed }, { "fault", take_fault },
	{ "unreachable", take_unreachable }, { "exchange", take_exchange },
	{ "gave_up", take_gave_up },
};

void record_event(struct record *r, const json_t *event)
{
	const char *type = text(event, "type");
	struct event_time t = { real(event, "time") - r->offset, r->offset };

	if (!strcmp(type, "lost")) {
		r->lost += count(event, "lost");
		*ROWS_ADD(&r->losses) = t.now;
		return;
	}
	int proxy = record_find_proxy(r, text(event, "proxy"));
	if (proxy < 0)
		return;
	for (size_t i = 0; i < sizeof event_types / sizeof event_types[0]; i++)
		if (!strcmp(type, event_types[i].name))
			event_types[i].take(&r->proxies.at[proxy], event, t);
}

/* ---- looks ---- */

static bool before_experiments(const struct record *r)
{
	for (size_t i = 0; i < r->experiments.n; i++)
		if (r->experiments.at[i]->t_on >= 0)
			return false;
	return true;
}

bool record_waits_always(const struct seen_proxy *p, const char *verb)
{
	for (size_t i = 0; i < WAITING_VERBS; i++)
		if (*verb && !strcmp(p->waiting_verbs[i], verb))
			return true;
	return false;
}

static void waiting_verb_add(struct seen_proxy *p, const char *verb)
{
	size_t i = 0;

	while (i < WAITING_VERBS && *p->waiting_verbs[i])
		i++;
	if (i < WAITING_VERBS && !record_waits_always(p, verb))
		snprintf(p->waiting_verbs[i], sizeof p->waiting_verbs[i], "%s", verb);
}

static void connection_look(struct record *r, struct seen_proxy *p, const json_t *row, double now)
{
	double quiet = now - real(row, "idle");         /* since then */
	struct seen_connection *c = connection_get(p, count(row, "connection"),
	                                           now - real(row, "age"));
	const json_t *asks = json_object_get(row, "asks");
	bool raw = !strcmp(text(row, "state"), "raw") || !strcmp(p->protocol, "tcp");

	c->looked = now;
	c->stuck_since = json_is_object(asks) ? quiet : -1;
	snprintf(c->stuck_verb, sizeof c->stuck_verb, "%s", text(asks, "verb"));
	if ((raw || json_is_object(asks)) && quiet > c->used)
		c->used = quiet;
	if (c->stuck_since >= 0 && now - c->stuck_since >= LONG_WAIT && before_experiments(r))
		waiting_verb_add(p, c->stuck_verb);
}

void record_connections(struct record *r, unsigned proxy, const json_t *reply, double now)
{
	struct seen_proxy *p = &r->proxies.at[proxy];
	const json_t *rows = json_object_get(reply, "connections");
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
		connection_look(r, p, row, now);
	if (!r->lost || count(reply, "open") != json_array_size(rows))
		return;
	for (i = 0; i < p->connections.n; i++) {        /* an event of its end was lost */
		struct seen_connection *c = &p->connections.at[i];
		if (c->closed < 0 && c->looked < now && c->opened < now - 1)
			c->closed = now;
	}
}

void record_clock(struct record *r, double proxy_time, double asked, double now)
{
	double least = proxy_time - now, most = proxy_time - asked;

	if (proxy_time > 0 && least <= most)
		r->offset = r->offset < least ? least : r->offset > most ? most : r->offset;
}

void record_look(struct record *r, unsigned proxy, double now, const json_t *proxy_info)
{
	struct look *look = ROWS_ADD(&r->proxies.at[proxy].looks);

	*look = (struct look){
		.time = now, .opened = count(proxy_info, "opened"),
		.exchanges = count(proxy_info, "exchanges"),
		.connections = (unsigned)count(proxy_info, "connections"),
		.waiting = (unsigned)count(proxy_info, "waiting"),
	};
}
