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

static bool is_stall(enum end end)
{
	return end == STALL || end == VANISH;
}

static void clocks_fire(struct timer *);

/* The timer follows the soonest of the rules' clocks. */
static void clocks_set(struct conn *c)
{
	nsec due = NEVER;

	for (unsigned i = 0; c->states && i < c->plan->n; i++)
		if (c->states[i] && c->states[i]->due && c->states[i]->due < due)
			due = c->states[i]->due;
	c->end_timer.fire = clocks_fire;
	timer_set(conn_loop(c), &c->end_timer, due);
}

static void clocks_fire(struct timer *t)
{
	struct conn *c = OWNER(conn, end_timer, t);
	enum end end = STAY;

	for (unsigned i = 0; i < c->plan->n; i++) {
		struct rule_state *s = c->states[i];
		if (!s || !s->due || s->due > conn_loop(c)->now)
			continue;
		s->due = 0;
		if (is_stall(s->end))
			stall(c, s->end, c->plan->rules[i].words->id);
		else if (s->end > end)
			end = s->end;
	}
	clocks_set(c);
	if (end == STAY)
		return;
	conn_run(c);    /* what is due goes first */
	conn_obey(c, end);
}

static void clocks_start(struct conn *c, const struct judgement *j)
{
	for (unsigned i = 0; i < j->n_clocks; i++) {
		const struct clock *k = &j->clocks[i];
		struct rule_state *s = plan_state(c->plan, c->states, k->rule);
		nsec due = k->after == NEVER ? 0 : conn_loop(c)->now + k->after;
		if (!k->anew && s->due && s->due < due)
			continue;
		s->due = due;
		s->end = k->end;
	}
	if (j->n_clocks)
		clocks_set(c);
}

void judge_ends(struct conn *c, const struct judgement *j, enum end *in_turn)
{
	clocks_start(c, j);
	if (is_stall(j->v.end))
		stall(c, j->v.end, j->end_rule);
	else if (j->v.end != STAY)
		*in_turn = j->v.end;
}

/* ---- meeting ---- */

/* What is decided of a connection as a whole, among these rules. `again`: it was before, their options have changed. */
static ruleset whole_decide(struct conn *c, ruleset among, bool again)
{
	struct plan *p = c->plan;
	struct question q = { .moment = ON_OPEN, .connection = c->number, .exchange = UINT64_MAX, .now = conn_loop(c)->now, .again = again };
	ruleset drawn = among & c->meant & (p->per_connection | (p->certain & plan_on(p, ON_OPEN)));

	return plan_decide(p, drawn, &q) | (among & c->meant & p->certain & ~p->per_connection);
}

static void meet(struct conn *c, ruleset rules, ruleset again, struct judgement *j, bool *any)
{
	ruleset all = c->whole.in & ~again;

	judge_meant(c);
	c->whole.in = whole_decide(c, rules & ~again, false) | whole_decide(c, again, true);
	*any = judge_ask(c, &(struct question){ .moment = ON_OPEN, .direction = BOTH }, j);
	c->whole.in |= all;
}

/* These rules and this connection meet. False: it ended of it. */
static bool judge_meets(struct conn *c, ruleset rules, ruleset again, bool opening)
{
	struct judgement j;
	bool any;
	enum end end = STAY;

	meet(c, rules, again, &j, &any);
	if (!any)
		return true;
	judge_ends(c, &j, &end);
	if (opening)
		c->opening = lot_make(NULL, &j);
	if (end != STAY)
		conn_obey(c, end);
	return !c->dead;
}

bool judge_meet(struct conn *c)
{
	return judge_meets(c, plan_all(c->plan), 0, true);
}

/* ---- change ---- */

static ruleset translate(const struct plan *from, const struct plan *to, ruleset set)
{
	ruleset moved = 0;

	for (unsigned i = 0; set >> i && i < from->n; i++) {
		int k = set >> i & 1 ? plan_heir(to, from->rules[i].words) : -1;
		if (k >= 0)
			moved |= (ruleset)1 << k;
	}
	return moved;
}

static void stand_translate(const struct plan *from, const struct plan *to, struct stand *s)
{
	*s = (struct stand){ translate(from, to, s->in), translate(from, to, s->counted), translate(from, to, s->struck) };
}

/* A rule whose options have changed keeps what it knows of the connection, but not its clock. */
static struct rule_state **states_translate(struct conn *c, const struct plan *to)
{
	struct rule_state **states = to->n ? calloc(to->n, sizeof *states) : NULL;

	for (unsigned i = 0; i < c->plan->n; i++) {
		const struct rule_spec *w = c->plan->rules[i].words;
		int k = plan_heir(to, w);
		if (k < 0) {
			rule_state_free(&c->plan->rules[i], c->states[i]);
			continue;
		}
		states[k] = c->states[i];
		if (states[k] && to->rules[k].words->id != w->id)
			states[k]->due = 0;
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
		if (plan_heir(to, c->plan->rules[i].words) < 0)
			gone |= (ruleset)1 << i;
	c->whole.in &= gone;
	if (c->plan->moments & ON_LEAVE && judge_ask(c, &(struct question){ .moment = ON_LEAVE, .direction = BOTH }, &j))
		judge_ends(c, &j, &end);
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
	clocks_set(c);
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
	ruleset fresh = 0, changed = 0;

	if (c->dead || !judge_leave(c, to))
		return;
	for (unsigned i = 0; i < to->n; i++) {
		ruleset bit = (ruleset)1 << i;
		if (plan_heir(from, to->rules[i].words) < 0)
			fresh |= bit;
		else if (plan_find(from, to->rules[i].words->id) < 0)
			changed |= bit;
	}
	struct rule_state **states = states_translate(c, to);
	free(c->states);
	c->states = states;
	stand_translate(from, to, &c->whole);
	c->plan = plan_hold(to);
	c->talk.opts = to->spec->protocol_block.opts;
	c->talk.backend = to->spec->backend.text;
	pipe_change(&c->request, to);
	pipe_change(&c->response, to);
	if (judge_meets(c, fresh | changed, changed, false)) {
		exchanges_change(c, from, to, fresh);
		timers_change(c, to);
		conn_run(c);
	}
	plan_drop(from);
}
