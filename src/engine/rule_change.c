/* rule_change.c - change of the rules of a live connection. */
#include "engine/rule_change.h"

#include "engine/conn.h"
#include "engine/conn_hello.h"
#include "engine/conn_rules.h"
#include "engine/conn_trace.h"
#include "engine/pipe.h"
#include "engine/raw.h"
#include "net/blackhole.h"
#include "rules/rule_heir.h"

static void conn_rules_change(struct conn_rules *t, const struct plan *from, const struct plan *to)
{
	t->states = rule_states_translate(from, to, t->states);
	rule_flags_translate(from, to, &t->whole);
	if (t->stalled && plan_find(to, t->stalled) < 0)
		t->stalled = t->unread = 0;
	if (t->muted && plan_find(to, t->muted_by) < 0) {
		t->muted = 0;
		timer_stop(conn_loop(t->conn), &t->mute_timer);
	}
}

/* Calls the rules that go at VN_ON_LEAVE. False: they have ended the connection. */
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
	if (conn_judge(c, &(struct question){ .moment = VN_ON_LEAVE, .direction = VN_BOTH },
	               &j))
		conn_apply_end(c, &j, &end);
	c->ruled->whole = whole;
	if (end != VN_STAY)
		conn_end(c, end, CLOSE_REASON_RULE_REMOVED);
	return !c->dead;
}

static void exchanges_change(struct conn *c, const struct plan *from, const struct plan *to,
                             ruleset fresh)
{
	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		rule_flags_translate(from, to, &x->flags);
		x->fresh = rules_translate(from, to, x->fresh) |
		           (fresh & plan_on(to, IN_EXCHANGES) & ~to->picky);
		holds_remove(x->late, to);
	}
}

static void timers_change(struct conn *c, const struct plan *to)
{
	struct conn_rules *t = c->ruled;

	c->resting = false;
	if (t->end_timer.slot || t->states)
		conn_clocks_set(c);
	if (t->vanished && plan_find(to, t->vanished) < 0) {
		blackhole_off(c->client.watch.fd);
		t->vanished = 0;
	}
	if (t->rest_timer.slot && plan_find(to, t->rest_rule) < 0)
		timer_stop(conn_loop(c), &t->rest_timer);
	if (t->waits) {
		holds_remove(t->opening, to);
		t->waits = 0;
		conn_connect_when_due(c);
	}
}

/* The plan has the same rules, of which one may last longer: nothing changes for them. */
static void conn_keep_rules(struct conn *c, struct plan *to)
{
	struct plan *from = c->plan;

	c->plan = plan_ref(to);
	session_forget(c);
	conn_run(c);
	plan_unref(from);
}

void conn_change_rules(struct conn *c, struct plan *to)
{
	struct plan *from = c->plan;
	ruleset fresh = 0, changed = 0;

	if (!c->dead && plan_same(from, to)) {
		conn_keep_rules(c, to);
		return;
	}
	if (c->dead || !conn_rules_leave(c, to))
		return;
	conn_traces_change(c, to);
	rules_compare(from, to, &fresh, &changed);
	if (from->n || to->n)
		conn_rules_change(conn_rules_get(c), from, to);
	if (to->n)
		raw_turn_meet_rules(c);
	c->plan = plan_ref(to);
	session_forget(c);
	pipe_change(&c->request, to);
	pipe_change(&c->response, to);
	conn_hello_change(c, to);
	if (conn_rules_meet(c, fresh | changed, changed, false)) {
		exchanges_change(c, from, to, fresh);
		timers_change(c, to);
	}
	conn_run(c);
	if (!c->dead)
		conn_rules_release(c);
	plan_unref(from);
}
