/* conn_trace.c - traces of a connection's exchanges, and clients that stop waiting: for events. */
#include "engine/conn_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/holder.h"

enum { TOLD_MAX = 64 };                 /* exchanges of one entry that a client gives up */

/* ---- an exchange begins ---- */

void exchange_trace(struct conn *c, struct exchange *x, const struct vn_message *m, bool request)
{
	const struct vn_report *r = &c->shard->worker->report;
	bool told = m->role == VN_ASKS || m->is & VN_IS_OPENING;

	if (!told || x->trace || x->count > 1)
		return;
	x->trace = trace_make(c->number, x->number, m, conn_loop(c)->now);
	if (!request || c->request.raw)
		return;
	c->hearing = x->trace;
	if (!(m->is & VN_IS_LOGIN))
		trace_speak(x->trace, m, conn_protocol(c)->quoted_names, r->before,
		            r->given == SIZE_MAX ? m->head : r->given);
}

void exchange_trace_refused(struct exchange *x, const struct plan *p, uint64_t rule)
{
	int i = plan_find(p, rule);

	free(x->trace->rule);
	x->trace->rule = i < 0 ? NULL : xstrdup(p->rules[i].spec->name);
}

void exchange_trace_worded(struct exchange *x, const char *code)
{
	x->trace->by = BY_RULE;
	snprintf(x->trace->code, sizeof x->trace->code, "%s", code);
}

void conn_trace_heard(struct conn *c)
{
	c->hearing->asked = conn_loop(c)->now;
	c->hearing = NULL;
}

/* ---- it ends ---- */

static ruleset exchange_struck(const struct conn *c, const struct exchange *x)
{
	return x->flags.struck | (c->ruled->whole.struck & c->plan->per_connection &
	                          plan_on(c->plan, IN_EXCHANGES));
}

/* The trace leaves its exchange. */
static struct trace *trace_take(struct conn *c, struct exchange *x)
{
	struct trace *t = x->trace;

	x->trace = NULL;
	if (c->hearing == t)
		c->hearing = NULL;
	trace_rules(t, c->plan, exchange_struck(c, x));
	t->knows = conn_protocol(c)->transactions && t->number;
	t->in_transaction = c->idle & VN_IS_IN_TRANSACTION;
	return t;
}

static void trace_over(struct conn *c, struct trace *t)
{
	trace_write(t, shard_spec(c->shard)->name, conn_loop(c)->now);
	trace_free(t);
}

/* The parcel whose sending ends the answer. NULL: all of it is sent, or waits for room only. */
static struct parcel *answer_held(const struct conn *c)
{
	const struct pipe_work *w = c->response.work;
	struct parcel *last = w->run_n ? NULL : w->queue.last;

	return last && last->kind == PARCEL_BYTES && last->why && !last->trace ? last : NULL;
}

void exchange_trace_answered(struct conn *c, struct exchange *x)
{
	bool lost = !exchange_needs_us(x) && c->response.work->now.gone;
	struct trace *t = trace_take(c, x);
	bool ours = x->failure, committed = t->is & VN_IS_COMMIT && !*t->code && !ours;

	if (committed)
		t->in_transaction = false;
	t->lost |= lost;
	if (ours && t->by == BY_NOBODY && !t->lost) {
		trace_over(c, t);       /* its failure has no words */
		return;
	}
	struct parcel *held = t->lost ? NULL : answer_held(c);
	if (!t->lost && !ours)
		t->by = BY_BACKEND;
	if (held) {
		held->trace = t;
		return;
	}
	t->answered = t->lost ? 0 : conn_loop(c)->now;
	trace_over(c, t);
}

void exchange_trace_spoke(struct conn *c, struct exchange *x)
{
	struct trace *t = trace_take(c, x);

	t->by = BY_BACKEND;
	t->answered = conn_loop(c)->now;
	trace_over(c, t);
}

void parcel_trace_sent(struct pipe *p, struct parcel *q)
{
	struct trace *t = q->trace;

	q->trace = NULL;
	t->answered = worker_of(p)->loop.now;
	trace_over(p->conn, t);
}

void exchange_trace_over(struct conn *c, struct exchange *x)
{
	struct trace *t = trace_take(c, x);

	t->by = BY_NOBODY;
	trace_over(c, t);
}

void conn_traces_end(struct conn *c)
{
	for (struct parcel *q = c->response.work->queue.first; q; q = q->next) {
		struct trace *t = q->trace;
		if (q->kind == PARCEL_BYTES && q->began)
			stats_add(&c->shard->stats, STAT_ABANDONED, 1);
		if (!t)
			continue;
		q->trace = NULL;
		t->lost = t->by == BY_BACKEND;
		t->by = BY_NOBODY;
		trace_over(c, t);
	}
	for (struct exchange *x = c->exchanges.first; x; x = x->next)
		if (x->trace)
			exchange_trace_over(c, x);
}

/* ---- other rules ---- */

void conn_traces_change(struct conn *c, const struct plan *to)
{
	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		if (!x->trace)
			continue;
		ruleset struck = exchange_struck(c, x), gone = 0;
		for (unsigned i = 0; i < c->plan->n; i++)
			if (struck >> i & 1 && plan_heir(to, c->plan->rules[i].spec) < 0)
				gone |= (ruleset)1 << i;
		trace_rules(x->trace, c->plan, gone);
	}
}

/* ---- clients that stop waiting ---- */

struct loss { uint64_t exchange; const char *verb, *rule; vn_nsec since; };

static void loss_write(struct conn *c, const struct loss *l, const char *how)
{
	vn_nsec now = conn_loop(c)->now;
	struct journal_entry n;

	journal_begin(&n, JOURNAL_GAVE_UP, now, shard_spec(c->shard)->name);
	journal_count(&n, "connection", c->number);
	journal_count(&n, "exchange", l->exchange);
	journal_text(&n, "verb", l->verb);
	journal_text(&n, "how", how);
	journal_seconds(&n, "waited", now > l->since ? now - l->since : 0);
	if (l->rule)
		journal_text(&n, "rule", l->rule);
	else
		journal_null(&n, "rule");
	journal_write(&n);
}

/* The rule that keeps its answer back: the one that holds the connection, else one that struck. */
static const char *keeper(const struct conn *c, const struct exchange *x)
{
	vn_nsec left;
	const struct rule_spec *holder = conn_holder(c, &left);
	ruleset struck = x ? exchange_struck(c, x) : c->ruled->whole.struck;

	if (holder)
		return holder->name;
	return struck ? c->plan->rules[__builtin_ctzll(struck)].spec->name : NULL;
}

static bool exchange_waits(const struct conn *c, const struct exchange *x)
{
	bool answered = c->response.raw && c->spoke;

	return (x->asked.role == VN_ASKS || x->asked.is & VN_IS_OPENING) && !x->sequel && !answered;
}

static unsigned give_up_open(struct conn *c, const char *how)
{
	unsigned n = 0;

	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		struct loss l = { x->number, x->asked.verb, keeper(c, x),
			          x->trace ? x->trace->asked : x->began };
		if (!exchange_waits(c, x) || (x->trace && x->trace->gave_up))
			continue;
		if (x->trace)
			x->trace->gave_up = true;
		for (unsigned i = 0; i < x->count && i < TOLD_MAX; i++, l.exchange++, n++)
			loss_write(c, &l, how);
	}
	return n;
}

/* Answers that are held. Without a trace only the time of their exchange is known. */
static unsigned give_up_held(struct conn *c, const char *how)
{
	unsigned n = 0;

	for (struct parcel *q = c->response.work->queue.first; q; q = q->next) {
		struct trace *t = q->kind == PARCEL_BYTES ? q->trace : NULL;
		if (!t || t->gave_up)
			continue;
		t->gave_up = true;
		loss_write(c, &(struct loss){ t->number, t->verb, keeper(c, NULL), t->asked },
		           how);
		n++;
	}
	return n;
}

void conn_gave_up(struct conn *c, const char *how)
{
	struct loss l = { 0, "ACCEPT", keeper(c, NULL), c->since };
	unsigned n;

	if (!journal_wants(JOURNAL_GAVE_UP))
		return;
	n = give_up_open(c, how) + give_up_held(c, how);
	if (n)
		return;
	if (c->ruled->unread) {         /* a request that is still in the socket */
		l = (struct loss){ c->asked + 1, "UNREAD", l.rule, c->ruled->unread };
		conn_rules_get(c)->unread = 0;
		loss_write(c, &l, how);
	} else if (!c->backend.open) {
		loss_write(c, &l, how);
	} else if (c->turn_kind == ASKED && !c->spoke) {
		loss_write(c, &(struct loss){ c->asked, "DATA", l.rule, c->turn.began }, how);
	}
}

/* ---- cancelled by another connection ---- */

struct cancel {
	struct mail mail;
	struct shard *shard;
	const struct vn_protocol *protocol;
	uint64_t id;
};

static void cancel_open(struct mail *m)
{
	struct cancel *k = OWNER(cancel, mail, m);

	for (struct conn *c = k->shard->conns; c; c = c->next)
		if (!c->dead && conn_protocol(c) == k->protocol &&
		    k->protocol->has_id(c->state, k->id))
			conn_gave_up(c, "cancelled");
	free(k);
}

void conn_cancels(struct conn *c, uint64_t id)
{
	const struct vn_protocol *p = conn_protocol(c);
	struct worker *w = c->shard->worker;

	if (!p->has_id || !journal_wants(JOURNAL_GAVE_UP))
		return;
	for (unsigned i = 0; i < w->count; i++) {
		struct cancel *k = xcalloc(1, sizeof *k);
		*k = (struct cancel){ .mail.open = cancel_open, .shard = c->shard->siblings[i],
		                      .protocol = p, .id = id };
		loop_post(&w->all[i].loop, &k->mail);
	}
}
