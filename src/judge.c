/* judge.c - a connection before its rules: asked what they say, ended by them, meeting new ones. */
#include "judge.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "conn.h"
#include "log.h"
#include "proxy.h"
#include "vanish.h"
#include "worker.h"

/* ---- asked, and ended ---- */

bool judge_ask(struct conn *c, struct question *q, struct judgement *j)
{
	const struct protocol *p = conn_protocol(c);

	q->connection = c->number;
	q->whole = &c->whole;
	q->states = c->states;
	q->words = p->failures;
	q->raw = p->request && c->request.raw;
	q->now = conn_loop(c)->now;
	return plan_judge(c->plan, q, j);
}

ruleset judge_decide(struct conn *c, ruleset among, uint64_t exchange, unsigned moment, const struct message *msg)
{
	struct question q = { .moment = moment, .connection = c->number, .exchange = exchange, .msg = msg,
	                      .raw = conn_protocol(c)->request && c->request.raw, .now = conn_loop(c)->now };

	return plan_decide(c->plan, among & c->meant, &q);
}

/* Whom the rules mean is seen by the client's address. */
static void judge_meant(struct conn *c)
{
	struct endpoint client = { .len = sizeof client.addr };

	c->meant = plan_all(c->plan);
	if (!c->plan->by_client || getpeername(c->client.watch.fd, (struct sockaddr *)&client.addr, &client.len))
		return;
	c->meant = plan_meant(c->plan, &client);
}

/* Nothing is read from now on; if it vanishes, the client is not answered either. Where the kernel does not let us
 * do that, it is a stall: silent too, but acknowledged. */
static void stall(struct conn *c, enum end end, uint64_t rule)
{
	c->request.stalled = c->response.stalled = rule;
	if (end != VANISH || c->vanished)
		return;
	c->vanished = rule;
	if (!vanish_begin(c->client.watch.fd))
		log_debug("stall for vanish proxy=%s connection=%llu: no privilege to filter a TCP socket", proxy_spec(c->proxy)->name,
		          (unsigned long long)c->number);
}

static void end_fire(struct timer *t)
{
	struct conn *c = OWNER(conn, end_timer, t);

	if (c->end == STALL || c->end == VANISH) {
		stall(c, c->end, c->end_rule);
		return;
	}
	conn_run(c);    /* what is due goes first */
	conn_obey(c, c->end);
}

void judge_ends(struct conn *c, const struct judgement *j, enum end *in_turn)
{
	const struct verdict *v = &j->v;

	if (v->end == STAY)
		return;
	if (!v->after && (v->end == STALL || v->end == VANISH))
		stall(c, v->end, j->end_rule);
	else if (!v->after)
		*in_turn = v->end;
	else if (v->after != NEVER && (!c->end_timer.slot || c->end_timer.due > conn_loop(c)->now + v->after)) {
		c->end = v->end;
		c->end_rule = j->end_rule;
		c->end_timer.fire = end_fire;
		timer_set(conn_loop(c), &c->end_timer, conn_loop(c)->now + v->after);
	}
}

/* ---- meeting ---- */

static void meet(struct conn *c, ruleset rules, struct judgement *j, bool *any)
{
	struct plan *p = c->plan;
	ruleset all = c->whole.in;

	judge_meant(c);
	c->whole.in = judge_decide(c, rules & (p->per_connection | (p->certain & plan_on(p, ON_OPEN))), UINT64_MAX, ON_OPEN, NULL) |
	              (rules & p->certain & ~p->per_connection & c->meant);
	*any = judge_ask(c, &(struct question){ .moment = ON_OPEN, .direction = BOTH }, j);
	c->whole.in |= all;
}

/* These rules and this connection meet. False: it ended of it. */
bool judge_meet(struct conn *c, ruleset rules, bool opening)
{
	struct judgement j;
	bool any;
	enum end end = STAY;

	meet(c, rules, &j, &any);
	if (!any)
		return true;
	judge_ends(c, &j, &end);
	if (opening)
		c->opening = lot_make(NULL, &j);
	if (end != STAY)
		conn_obey(c, end);
	return !c->dead;
}

/* ---- change ---- */

static ruleset translate(const struct plan *from, const struct plan *to, ruleset set)
{
	ruleset moved = 0;

	for (unsigned i = 0; set >> i && i < from->n; i++) {
		int k = set >> i & 1 ? plan_find(to, from->rules[i].words->id) : -1;
		if (k >= 0)
			moved |= (ruleset)1 << k;
	}
	return moved;
}

static void stand_translate(const struct plan *from, const struct plan *to, struct stand *s)
{
	*s = (struct stand){ translate(from, to, s->in), translate(from, to, s->counted), translate(from, to, s->struck) };
}

static struct rule_state **states_translate(struct conn *c, const struct plan *to)
{
	struct rule_state **states = to->n ? calloc(to->n, sizeof *states) : NULL;

	for (unsigned i = 0; i < c->plan->n; i++) {
		int k = plan_find(to, c->plan->rules[i].words->id);
		if (k >= 0)
			states[k] = c->states[i];
		else
			free(c->states[i]);
	}
	return states;
}

/* The rules that go are asked for their last word. */
static bool judge_leave(struct conn *c, const struct plan *to)
{
	struct stand whole = c->whole;
	struct judgement j;
	enum end end = STAY;
	ruleset gone = 0;

	for (unsigned i = 0; i < c->plan->n; i++)
		if (plan_find(to, c->plan->rules[i].words->id) < 0)
			gone |= (ruleset)1 << i;
	c->whole.in &= gone;
	if (c->plan->moments & ON_LEAVE && judge_ask(c, &(struct question){ .moment = ON_LEAVE, .direction = BOTH }, &j)) {
		j.v.after = 0;
		judge_ends(c, &j, &end);
	}
	c->whole = whole;
	if (end != STAY)
		conn_end(c, end, WHY_RULE_REMOVED);
	return !c->dead;
}

static void exchanges_change(struct conn *c, const struct plan *from, const struct plan *to, ruleset fresh)
{
	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		stand_translate(from, to, &x->stand);
		x->fresh = translate(from, to, x->fresh) | (fresh & plan_on(to, IN_EXCHANGES) & ~to->picky);
		lot_strip(x->late, to);
	}
}

static void timers_change(struct conn *c, const struct plan *to)
{
	if (c->end_timer.slot && plan_find(to, c->end_rule) < 0)
		timer_stop(conn_loop(c), &c->end_timer);
	if (c->vanished && plan_find(to, c->vanished) < 0) {
		vanish_end(c->client.watch.fd);
		c->vanished = 0;
	}
	if (c->rest_timer.slot && plan_find(to, c->rest_rule) < 0)
		timer_stop(conn_loop(c), &c->rest_timer);
	c->resting = false;
	if (c->waits) {
		lot_strip(c->opening, to);
		conn_schedule(c);
	}
}

void judge_change(struct conn *c, struct plan *to)
{
	struct plan *from = c->plan;
	ruleset fresh = 0;

	if (c->dead || !judge_leave(c, to))
		return;
	for (unsigned i = 0; i < to->n; i++)
		if (plan_find(from, to->rules[i].words->id) < 0)
			fresh |= (ruleset)1 << i;
	struct rule_state **states = states_translate(c, to);
	free(c->states);
	c->states = states;
	stand_translate(from, to, &c->whole);
	c->plan = plan_hold(to);
	c->talk.opts = to->spec->protocol_block.opts;
	c->talk.backend = to->spec->backend.text;
	pipe_change(&c->request, to);
	pipe_change(&c->response, to);
	if (judge_meet(c, fresh, false)) {
		exchanges_change(c, from, to, fresh);
		timers_change(c, to);
		conn_run(c);
	}
	plan_drop(from);
}
