/* conn_rules.c - a connection before its rules: asked what they say, ended by them, meeting new ones. */
#include "engine/conn_rules.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "engine/requests.h"
#include "base/log.h"
#include "engine/shard.h"
#include "net/blackhole.h"
#include "engine/worker.h"

/* ---- asked, and ended ---- */

bool conn_judge(struct conn *c, struct question *q, struct judgement *j)
{
	const struct vn_protocol *p = conn_protocol(c);

	q->connection = c->number;
	q->whole = &c->ruled->whole;
	q->states = c->ruled->states;
	q->talk = p->fits ? conn_talk(c) : NULL;
	q->words = p->failures;
	q->raw = p->request && c->request.raw;
	q->now = conn_loop(c)->now;
	return plan_judge(c->plan, q, j);
}

ruleset conn_decide(struct conn *c, ruleset among, uint64_t exchange, unsigned moment, const struct vn_message *msg)
{
	struct question q = { .moment = moment, .connection = c->number, .exchange = exchange, .msg = msg,
	                      .raw = conn_protocol(c)->request && c->request.raw, .now = conn_loop(c)->now };

	return plan_decide(c->plan, among & c->ruled->meant, &q);
}

/* Whom the rules mean is seen by the client's address. */
static void conn_rules_meant(struct conn *c)
{
	struct endpoint client = { .len = sizeof client.addr };

	c->ruled->meant = plan_all(c->plan);
	if (!c->plan->by_client || getpeername(c->client.watch.fd, (struct sockaddr *)&client.addr, &client.len))
		return;
	c->ruled->meant = plan_meant(c->plan, &client);
}

/* Nothing is read from now on; if it vanishes, the client is not answered either. Where the kernel does not let us
 * do that, it is a stall: silent too, but acknowledged. */
static void stall(struct conn *c, enum vn_end end, uint64_t rule)
{
	c->ruled->stalled = rule;
	if (end != VN_VANISH || c->ruled->vanished)
		return;
	c->ruled->vanished = rule;
	if (!blackhole_on(c->client.watch.fd))
		log_debug("stall for vanish proxy=%s connection=%llu: no privilege to filter a TCP socket", shard_spec(c->shard)->name,
		          (unsigned long long)c->number);
}

static bool is_stall(enum vn_end end)
{
	return end == VN_STALL || end == VN_VANISH;
}

static void clocks_fire(struct timer *);

/* The timer follows the soonest of the rules' clocks. */
static void clocks_set(struct conn *c)
{
	vn_nsec due = VN_NEVER;

	for (unsigned i = 0; c->ruled->states && i < c->plan->n; i++)
		if (c->ruled->states[i] && c->ruled->states[i]->due && c->ruled->states[i]->due < due)
			due = c->ruled->states[i]->due;
	c->ruled->end_timer.fire = clocks_fire;
	timer_set(conn_loop(c), &c->ruled->end_timer, due);
}

static void clocks_fire(struct timer *t)
{
	struct conn *c = OWNER(conn_rules, end_timer, t)->conn;
	enum vn_end end = VN_STAY;

	for (unsigned i = 0; i < c->plan->n; i++) {
		struct rule_state *s = c->ruled->states[i];
		if (!s || !s->due || s->due > conn_loop(c)->now)
			continue;
		s->due = 0;
		if (is_stall(s->end))
			stall(c, s->end, c->plan->rules[i].spec->id);
		else if (s->end > end)
			end = s->end;
	}
	clocks_set(c);
	if (end == VN_STAY)
		return;
	conn_run(c);    /* what is due goes first */
	conn_end_by_rule(c, end);
}

static void clocks_start(struct conn *c, const struct judgement *j)
{
	for (unsigned i = 0; i < j->n_clocks; i++) {
		const struct clock *k = &j->clocks[i];
		struct rule_state *s = plan_state(c->plan, c->ruled->states, k->rule);
		vn_nsec due = k->after == VN_NEVER ? 0 : conn_loop(c)->now + k->after;
		if (!k->anew && s->due && s->due < due)
			continue;
		s->due = due;
		s->end = k->end;
	}
	if (j->n_clocks)
		clocks_set(c);
}

void conn_apply_end(struct conn *c, const struct judgement *j, enum vn_end *in_turn)
{
	clocks_start(c, j);
	if (is_stall(j->v.end))
		stall(c, j->v.end, j->end_rule);
	else if (j->v.end != VN_STAY)
		*in_turn = j->v.end;
}

/* ---- meeting ---- */

/* What is decided of a connection as a whole, among these rules. `again`: it was before, their options have changed. */
static ruleset whole_decide(struct conn *c, ruleset among, bool again)
{
	struct plan *p = c->plan;
	struct question q = { .moment = VN_ON_OPEN, .connection = c->number, .exchange = UINT64_MAX, .now = conn_loop(c)->now, .again = again };
	ruleset drawn = among & c->ruled->meant & (p->per_connection | (p->certain & plan_on(p, VN_ON_OPEN)));

	return plan_decide(p, drawn, &q) | (among & c->ruled->meant & p->certain & ~p->per_connection);
}

static void meet(struct conn *c, ruleset rules, ruleset again, struct judgement *j, bool *any)
{
	ruleset all = c->ruled->whole.in & ~again;

	conn_rules_meant(c);
	c->ruled->whole.in = whole_decide(c, rules & ~again, false) | whole_decide(c, again, true);
	*any = conn_judge(c, &(struct question){ .moment = VN_ON_OPEN, .direction = VN_BOTH }, j);
	c->ruled->whole.in |= all;
}

/* These rules and this connection meet. False: it ended of it. */
static bool conn_rules_meet(struct conn *c, ruleset rules, ruleset again, bool opening)
{
	struct judgement j;
	bool any;
	enum vn_end end = VN_STAY;

	if (!c->plan->n)
		return true;
	meet(c, rules, again, &j, &any);
	if (!any)
		return true;
	conn_apply_end(c, &j, &end);
	if (opening)
		c->ruled->opening = holds_make(NULL, &j);
	if (end != VN_STAY)
		conn_end_by_rule(c, end);
	return !c->dead;
}

bool conn_judge_open(struct conn *c)
{
	return conn_rules_meet(c, plan_all(c->plan), 0, true);
}

/* ---- change ---- */

static ruleset translate(const struct plan *from, const struct plan *to, ruleset set)
{
	ruleset moved = 0;

	for (unsigned i = 0; set >> i && i < from->n; i++) {
		int k = set >> i & 1 ? plan_heir(to, from->rules[i].spec) : -1;
		if (k >= 0)
			moved |= (ruleset)1 << k;
	}
	return moved;
}

static void rule_flags_translate(const struct plan *from, const struct plan *to, struct rule_flags *s)
{
	*s = (struct rule_flags){ translate(from, to, s->in), translate(from, to, s->counted), translate(from, to, s->struck) };
}

/* A rule whose options have changed keeps what it knows of the connection, but not its clock. */
static void conn_rules_change(struct conn_rules *t, const struct plan *from, const struct plan *to)
{
	struct rule_state **states = to->n ? xcalloc(to->n, sizeof *states) : NULL;

	for (unsigned i = 0; i < from->n; i++) {
		const struct rule_spec *w = from->rules[i].spec;
		int k = plan_heir(to, w);
		if (k < 0) {
			rule_state_free(&from->rules[i], t->states[i]);
			continue;
		}
		states[k] = t->states[i];
		if (states[k] && to->rules[k].spec->id != w->id)
			states[k]->due = 0;
	}
	free(t->states);
	t->states = states;
	rule_flags_translate(from, to, &t->whole);
	if (t->stalled && plan_find(to, t->stalled) < 0)
		t->stalled = 0;
}

/* The rules that go are asked for their last word. */
static bool conn_rules_leave(struct conn *c, const struct plan *to)
{
	struct rule_flags whole = c->ruled->whole;
	struct judgement j;
	enum vn_end end = VN_STAY;
	ruleset gone = 0;

	if (!(c->plan->moments & VN_ON_LEAVE))
		return true;
	for (unsigned i = 0; i < c->plan->n; i++)
		if (plan_heir(to, c->plan->rules[i].spec) < 0)
			gone |= (ruleset)1 << i;
	c->ruled->whole.in &= gone;
	if (conn_judge(c, &(struct question){ .moment = VN_ON_LEAVE, .direction = VN_BOTH }, &j))
		conn_apply_end(c, &j, &end);
	c->ruled->whole = whole;
	if (end != VN_STAY)
		conn_end(c, end, CLOSE_REASON_RULE_REMOVED);
	return !c->dead;
}

static void exchanges_change(struct conn *c, const struct plan *from, const struct plan *to, ruleset fresh)
{
	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		rule_flags_translate(from, to, &x->flags);
		x->fresh = translate(from, to, x->fresh) | (fresh & plan_on(to, IN_EXCHANGES) & ~to->picky);
		holds_remove(x->late, to);
	}
}

static void timers_change(struct conn *c, const struct plan *to)
{
	struct conn_rules *t = c->ruled;

	c->resting = false;
	if (t->end_timer.slot || t->states)
		clocks_set(c);
	if (t->vanished && plan_find(to, t->vanished) < 0) {
		blackhole_off(c->client.watch.fd);
		t->vanished = 0;
	}
	if (t->rest_timer.slot && plan_find(to, t->rest_rule) < 0)
		timer_stop(conn_loop(c), &t->rest_timer);
	if (t->waits) {
		holds_remove(t->opening, to);
		t->waits = 0;
		conn_schedule(c);
	}
}

void conn_change_rules(struct conn *c, struct plan *to)
{
	struct plan *from = c->plan;
	ruleset fresh = 0, changed = 0;

	if (c->dead || !conn_rules_leave(c, to))
		return;
	for (unsigned i = 0; i < to->n; i++) {
		ruleset bit = (ruleset)1 << i;
		if (plan_heir(from, to->rules[i].spec) < 0)
			fresh |= bit;
		else if (plan_find(from, to->rules[i].spec->id) < 0)
			changed |= bit;
	}
	if (from->n || to->n)
		conn_rules_change(conn_rules_get(c), from, to);
	if (to->n)
		raw_turn_meet_rules(c);
	c->plan = plan_ref(to);
	conn_silent(c);
	pipe_change(&c->request, to);
	pipe_change(&c->response, to);
	if (conn_rules_meet(c, fresh | changed, changed, false)) {
		exchanges_change(c, from, to, fresh);
		timers_change(c, to);
		conn_run(c);
	}
	if (!c->dead)
		conn_rules_release(c);
	plan_unref(from);
}
