/* datagram_rules.c - calling a flow's rules, and what they do to the flow itself. */
#include "engine/datagram_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/datagram_wait.h"
#include "engine/trace.h"
#include "rules/rule_heir.h"

struct endpoint flow_client(const struct flow *f)
{
	struct endpoint e = { .len = 0 };

	e.len = f->key.client.any.sa_family == AF_INET6 ? sizeof f->key.client.in6 :
	                                                  sizeof f->key.client.in;
	memcpy(&e.addr, &f->key.client, e.len);
	return e;
}

void flow_doom(struct flow *f, enum close_reason why)
{
	if (f->dead)
		return;
	f->dead = true;
	f->why = (uint8_t)why;
}

/* A session has no end that a client could see: what ends a connection ends it, and vanish and
 * stall let nothing pass. Ends by the clock are for connections only. */
static void flow_apply_end(struct flow *f, const struct judgement *j)
{
	if (j->v.end == VN_VANISH || j->v.end == VN_STALL)
		f->vanished = j->end_rule;
	else if (j->v.end != VN_STAY && !j->failure)
		flow_doom(f, j->v.end == VN_RESET ? CLOSE_REASON_RULE_RESET :
		                                    CLOSE_REASON_RULE_CLOSED);
}

bool flow_judge(struct flow *f, struct question *q, struct judgement *j)
{
	q->connection = f->number;
	q->whole = &f->whole;
	q->states = f->states;
	q->words = flow_protocol(f)->failures;
	q->now = flow_worker(f)->loop.now;
	q->datagram = true;
	if (!plan_judge(f->plan, q, j))
		return false;
	flow_apply_end(f, j);
	return true;
}

static ruleset flow_decide(struct flow *f, ruleset among, uint64_t exchange,
                           const struct vn_message *msg, bool raw)
{
	struct question q = { .connection = f->number, .exchange = exchange, .msg = msg,
	                      .raw = raw, .now = flow_worker(f)->loop.now };

	return plan_decide(f->plan, among & f->meant, &q);
}

struct rule_flags flow_flags_new(struct flow *f, uint64_t number, const struct vn_message *msg,
                                 bool raw)
{
	struct plan *p = f->plan;
	struct rule_flags s = { 0 };

	if (!p->n)
		return s;
	ruleset may = plan_on(p, IN_EXCHANGES);
	s.in = (f->whole.in & p->per_connection & may) |
	       flow_decide(f, may & ~p->per_connection, number, msg, raw);
	return s;
}

/* ---- rules and flow meet ---- */

static void flow_meant(struct flow *f)
{
	struct endpoint client = flow_client(f);

	f->meant = plan_all(f->plan) & ~f->plan->off;
	if (f->plan->by_age)
		f->meant &= plan_meant_since(f->plan, f->since);
	if (f->plan->by_client)
		f->meant &= plan_meant(f->plan, &client);
}

static ruleset whole_decide(struct flow *f, ruleset among, bool again)
{
	struct plan *p = f->plan;
	struct question q = { .moment = VN_ON_OPEN, .connection = f->number,
	                      .exchange = UINT64_MAX, .now = flow_worker(f)->loop.now,
	                      .again = again };
	ruleset drawn = among & f->meant &
	                (p->per_connection | (p->certain & plan_on(p, VN_ON_OPEN)));

	return plan_decide(p, drawn, &q) | (among & f->meant & p->certain & ~p->per_connection);
}

/* It meets `fresh` rules, and those in `again`, which it has met with other options. */
static void flow_meet(struct flow *f, ruleset fresh, ruleset again)
{
	ruleset all = f->whole.in & ~again;
	struct question q = { .moment = VN_ON_OPEN, .direction = VN_BOTH };
	struct judgement j;

	flow_meant(f);
	f->whole.in = whole_decide(f, fresh, false) | whole_decide(f, again, true);
	flow_judge(f, &q, &j);
	f->whole.in |= all;
}

void flow_rules_begin(struct flow *f)
{
	if (!f->plan->n)
		return;
	f->states = xcalloc(f->plan->n, sizeof *f->states);
	flow_meet(f, plan_all(f->plan), 0);
}

void flow_rules_end(struct flow *f)
{
	for (unsigned i = 0; f->states && i < f->plan->n; i++)
		rule_state_free(&f->plan->rules[i], f->states[i]);
	free(f->states);
	f->states = NULL;
}

static void exchanges_change(struct flow *f, const struct plan *from, ruleset fresh)
{
	struct plan *to = f->plan;

	for (struct exchange *x = f->exchanges.first; x; x = x->next) {
		if (x->trace)
			trace_rules(x->trace, from, x->flags.struck);
		rule_flags_translate(from, to, &x->flags);
		x->flags.in |= fresh & f->whole.in & plan_on(to, IN_EXCHANGES) & ~to->picky;
	}
}

void flow_change_rules(struct flow *f, struct plan *to)
{
	struct plan *from = f->plan;
	ruleset fresh, changed;

	f->plan = plan_ref(to);
	if (!plan_same(from, to)) {
		rules_compare(from, to, &fresh, &changed);
		if (!f->states)
			f->states = xcalloc(from->n + 1, sizeof *f->states);
		f->states = rule_states_translate(from, to, f->states);
		rule_flags_translate(from, to, &f->whole);
		if (f->vanished && plan_find(to, f->vanished) < 0)
			f->vanished = 0;
		waiting_change(f, to);
		if (to->n)
			flow_meet(f, fresh, changed);
		exchanges_change(f, from, fresh);
	}
	plan_unref(from);
}
