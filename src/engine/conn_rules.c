/* conn_rules.c - calling a connection's rules, and applying the ends that they return. */
#include "engine/conn_rules.h"

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/hello_fault.h"
#include "net/blackhole.h"
#include "net/socket.h"

/* ---- calling rules, and ends ---- */

bool conn_judge(struct conn *c, struct question *q, struct judgement *j)
{
	const struct vn_protocol *p = conn_protocol(c);

	q->connection = c->number;
	q->whole = &c->ruled->whole;
	q->states = c->ruled->states;
	q->session = p->fits ? conn_session(c) : NULL;
	q->words = p->failures;
	q->raw = p->request && c->request.raw;
	q->now = conn_loop(c)->now;
	return plan_judge(c->plan, q, j);
}

ruleset conn_decide(struct conn *c, ruleset among, uint64_t exchange, unsigned moment,
                    const struct vn_message *msg)
{
	struct question q = { .moment = moment, .connection = c->number, .exchange = exchange,
	                      .msg = msg, .raw = conn_protocol(c)->request && c->request.raw,
	                      .now = conn_loop(c)->now };

	return plan_decide(c->plan, among & c->ruled->meant, &q);
}

/* Whom the rules mean is seen by the client's address. Until a header could have named it, that is
 * not known. */
static void conn_rules_meant(struct conn *c)
{
	struct endpoint client = { .len = 0 };

	c->ruled->meant = plan_all(c->plan) & ~(c->plan->off | c->plan->of_datagrams);
	if (c->plan->by_age)
		c->ruled->meant &= plan_meant_since(c->plan, c->since);
	if (!c->plan->by_client)
		return;
	if (c->ruled->named)
		client = *c->ruled->named;
	else if ((c->begun || !c->plan->spec->client_named) &&
	         !socket_peer(c->client.watch.fd, &client))
		return;
	c->ruled->meant &= plan_meant(c->plan, &client);
}

/* Nothing is read from now on. VN_VANISH: the kernel does not answer the client either. If it
 * forbids that filter, the connection only stalls, and the client's bytes are acknowledged. */
static void stall(struct conn *c, enum vn_end end, uint64_t rule)
{
	c->ruled->stalled = rule;
	if (end != VN_VANISH || c->ruled->vanished)
		return;
	c->ruled->vanished = rule;
	if (!blackhole_on(c->client.watch.fd))
		log_debug("stall for vanish proxy=%s connection=%llu: no privilege to filter a TCP "
		          "socket",
		          shard_spec(c->shard)->name, (unsigned long long)c->number);
}

static bool is_stall(enum vn_end end)
{
	return end == VN_STALL || end == VN_VANISH;
}

static void clocks_fire(struct timer *);

void conn_clocks_set(struct conn *c)
{
	vn_nsec due = VN_NEVER;

	for (unsigned i = 0; c->ruled->states && i < c->plan->n; i++) {
		const struct rule_state *s = c->ruled->states[i];
		if (s && s->due && s->due < due)
			due = s->due;
	}
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
	conn_clocks_set(c);
	if (end == VN_STAY)
		return;
	c->ending = (uint8_t)end;
	conn_later(c);          /* sends what is due, and then ends it */
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
		conn_clocks_set(c);
}

void conn_apply_end(struct conn *c, const struct judgement *j, enum vn_end *in_turn)
{
	clocks_start(c, j);
	if (is_stall(j->v.end))
		stall(c, j->v.end, j->end_rule);
	else if (j->v.end != VN_STAY)
		*in_turn = j->v.end;
}

/* ---- rules and connection meet ---- */

/* Returns which of these rules are in for the whole connection. `again`: it was decided before, and
 * their options have changed. */
static ruleset whole_decide(struct conn *c, ruleset among, bool again)
{
	struct plan *p = c->plan;
	struct question q = { .moment = VN_ON_OPEN, .connection = c->number,
	                      .exchange = UINT64_MAX, .now = conn_loop(c)->now, .again = again };
	ruleset drawn = among & c->ruled->meant &
	                (p->per_connection | (p->certain & plan_on(p, VN_ON_OPEN)));

	return plan_decide(p, drawn, &q) |
	       (among & c->ruled->meant & p->certain & ~p->per_connection);
}

static void meet(struct conn *c, ruleset rules, ruleset again, struct judgement *j, bool *any)
{
	ruleset all = c->ruled->whole.in & ~again;

	conn_rules_meant(c);
	c->ruled->whole.in = whole_decide(c, rules & ~again, false) | whole_decide(c, again, true);
	*any = conn_judge(
		c, &(struct question){ .moment = VN_ON_OPEN, .direction = VN_BOTH }, j);
	c->ruled->whole.in |= all;
}

static void upgrade_fire(struct timer *t)
{
	conn_later(OWNER(hello_fault, timer, t)->conn);
}

/* What is to happen when the client asks for TLS: conn_hello.c does it. */
static void upgrade_meets(struct conn *c, const struct judgement *j)
{
	hello_fault_free(conn_loop(c), &conn_rules_get(c)->upgrade);
	c->ruled->upgrade = hello_fault_make(c, j, upgrade_fire);
	if (j->tls.refused)
		c->tls |= VN_TLS_CLIENT_NEVER;
	session_forget(c);
}

bool conn_rules_meet(struct conn *c, ruleset rules, ruleset again, bool opening)
{
	struct judgement j;
	bool any;
	enum vn_end end = VN_STAY;

	if (!c->plan->n)
		return true;
	if (!opening)
		rules &= ~c->plan->at_upgrade;
	meet(c, rules, again, &j, &any);
	if (!any)
		return true;
	conn_apply_end(c, &j, &end);
	if (j.v.tls)
		upgrade_meets(c, &j);
	if (opening)
		c->ruled->opening = holds_make(NULL, &j);
	if (end != VN_STAY)
		conn_doom_by_rule(c, end);
	return !c->dead;
}

void conn_client_known(struct conn *c, const struct endpoint *named)
{
	ruleset come = c->ruled->meant;

	c->begun = true;
	if (!c->plan->spec->client_named)
		return;
	if (named && named->len) {
		conn_rules_get(c)->named = xmalloc(sizeof *named);
		*c->ruled->named = *named;
	}
	if (!c->plan->by_client)
		return;
	conn_rules_meant(c);
	come = c->ruled->meant & ~come;
	if (!come || !conn_rules_meet(c, come, 0, false))
		return;
	for (struct exchange *x = c->exchanges.first; x; x = x->next)
		x->fresh |= come & plan_on(c->plan, IN_EXCHANGES) & ~c->plan->picky;
}

void conn_judge_open(struct conn *c)
{
	conn_rules_meet(c, plan_all(c->plan), 0, true);
}
