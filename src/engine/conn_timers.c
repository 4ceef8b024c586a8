/* conn_timers.c - time-outs of a connection: rest, a client that has left, idleness. */
#include "engine/conn_timers.h"

#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/piece.h"
#include "engine/pipe.h"
#include "engine/pump.h"
#include "engine/raw.h"
#include "engine/replies.h"
#include "engine/transport.h"
#include "net/socket.h"

enum { UNSURE_TIME = 250 };             /* ms that first bytes are kept back until more come */

/* ---- rest: the connection is logged in, and no exchange is open ---- */

static bool connection_rests(const struct conn *c)
{
	return c->client.open && c->backend.open && !c->queued && c->logged_in &&
	       !c->exchanges.first && pipe_idle(&c->request) && pipe_idle(&c->response) &&
	       !c->request.raw;
}

/* Calls the rules that are in for this rest. A rehearsal returns what they will do, and counts
 * nothing. */
static bool rest_ask(struct conn *c, ruleset in, bool rehearsal, struct judgement *j)
{
	struct rule_flags s = { .in = in };
	struct question q = { .moment = VN_ON_REST, .direction = VN_RESPONSE,
	                      .exchange = c->asked, .flags = &s, .rehearsal = rehearsal,
	                      .idle = VN_IS_COMMAND | c->idle };

	return conn_judge(c, &q, j);
}

static void rest_strike(struct conn *c)
{
	struct judgement j;

	if (!rest_ask(c, c->ruled->rest_in, false, &j))
		return;
	enum vn_end end = j.v.end,
		    worded = j.failure ? reply_write(c, NULL, j.failure, NULL) : VN_STAY;
	if (worded == VN_RESET)
		end = worded;
	if (end != VN_STAY)
		pipe_end(&c->response, end);
	pipe_pump(&c->response);
}

static void rest_fire(struct timer *t)
{
	struct conn *c = OWNER(conn_rules, rest_timer, t)->conn;

	if (c->resting)
		rest_strike(c);
}

static void rest_judge(struct conn *c)
{
	struct plan *p = c->plan;
	struct judgement j;

	c->ruled->rest_in = conn_decide(c, plan_on(p, VN_ON_REST) & ~p->per_connection, c->asked,
	                                VN_ON_REST, NULL);
	if (!rest_ask(c, c->ruled->rest_in, true, &j))
		return;
	c->ruled->rest_rule = j.end_rule;
	c->ruled->rest_timer.fire = rest_fire;
	if (j.v.after)
		timer_set(conn_loop(c), &c->ruled->rest_timer,
		          j.v.after == VN_NEVER ? VN_NEVER : conn_loop(c)->now + j.v.after);
	else
		rest_strike(c);
}

void conn_timer_rest(struct conn *c)
{
	if (!(c->plan->moments & VN_ON_REST))
		return;
	bool rests = connection_rests(c);
	if (!c->resting)
		timer_stop(conn_loop(c), &c->ruled->rest_timer);
	if (rests && !c->resting) {
		c->resting = true;
		rest_judge(c);
	} else if (!rests) {
		c->resting = false;
		timer_stop(conn_loop(c), &c->ruled->rest_timer);
	}
}

/* ---- the wait timer: a gone client, the connect, an idle connection ---- */

static bool pipe_moves(const struct pipe *p)
{
	return p->work->splice_pipe || side_stuck(pipe_to(p)) ||
	       (p->work->queue.first && p->work->queue.first->due != VN_NEVER);
}

/* The client has sent a FIN. It may still read: a FIN ends only one direction. */
static bool client_left(const struct conn *c)
{
	return c->request.eof || c->client.hup;
}

/* The client has left, and a rule holds the rest without a time limit. */
static bool conn_gone(const struct conn *c)
{
	return client_left(c) &&
	       (c->ruled->waits == VN_NEVER || pipe_stuck(&c->request) ||
	        pipe_stuck(&c->response)) &&
	       !pipe_moves(&c->request) && !pipe_moves(&c->response);
}

static bool pipe_late(const struct pipe *p, vn_nsec until)
{
	return p->work->queue.first && p->work->queue.first->due > until;
}

/* The client has left, and the rest is held longer than `--linger`. Keep-alive probes find out
 * whether it still reads: its kernel acknowledges them as long as the socket is open. After that it
 * sends an RST. */
static void client_probe(struct conn *c, vn_nsec linger)
{
	vn_nsec until = conn_loop(c)->now + linger;

	if (c->ruled->probed || !linger || !client_left(c))
		return;
	if (c->ruled->waits <= until && !pipe_late(&c->request, until) &&
	    !pipe_late(&c->response, until))
		return;
	conn_rules_get(c)->probed = true;
	socket_set_probe_interval(c->client.watch.fd, linger);
}

/* Nothing is held, and no answer is owed. */
static bool conn_quiet(const struct conn *c)
{
	const struct exchange *x = c->exchanges.first;
	bool owed = ((x && !x->sequel) || c->turn_kind) && !(c->request.raw && c->spoke);

	return c->backend.open && !owed && !pipe_waits(&c->request) && !pipe_waits(&c->response) &&
	       !c->ruled->stalled;
}

/* The bytes kept back wait for the client to send more, not for us to read. */
static bool unsure_waits(const struct conn *c)
{
	return c->unsure && !c->client.readable && !c->ruled->stalled;
}

static vn_nsec unsure_until(const struct conn *c)
{
	return c->active + UNSURE_TIME * VN_MS;
}

/* No more bytes came in UNSURE_TIME. Bytes that might have been a PROXY header are none. Part of a
 * message passes if the greeting is still owed, because the server may wait for these bytes. Halted
 * bytes wait for an answer, not for the client. */
static void unsure_over(struct conn *c)
{
	c->unsure = false;
	if (!c->request.work->unparsed_n || c->request.work->halted)
		return;
	if (c->begun && !greeting_owed(c))
		return;
	if (c->begun)
		conn_go_raw(c, &c->request,
		            "the client sent no whole message before the server's greeting");
	else
		conn_client_known(c, NULL);
	c->request.work->resumes = true;
}

static void conn_timer_fire(struct timer *t)
{
	struct conn *c = OWNER(conn_rules, wait_timer, t)->conn;
	const struct spec *s = shard_spec(c->shard);
	vn_nsec now = conn_loop(c)->now;

	if (c->ruled->gone_since && s->linger && now >= c->ruled->gone_since + s->linger)
		conn_doom(c, VN_RESET, CLOSE_REASON_GONE);
	else if (c->ruled->waits && now >= c->ruled->waits)
		c->connect_due = true;
	else if (unsure_waits(c) && now >= unsure_until(c))
		unsure_over(c);
	else if (s->idle && !c->ruled->waits && now >= c->active + s->idle)
		conn_doom(c, VN_CLOSE, CLOSE_REASON_IDLE);
	conn_later(c);
}

void conn_timer_arm(struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);
	struct loop *l = conn_loop(c);

	client_probe(c, s->linger);
	bool gone = conn_gone(c), waits = c->ruled->waits, idle = s->idle && conn_quiet(c);

	if (c->ruled->gone_since && !gone)
		c->ruled->gone_since = 0;
	bool unsure = unsure_waits(c);
	if (!gone && !waits && !idle && !unsure) {
		timer_stop(l, &c->ruled->wait_timer);
		return;
	}
	struct conn_rules *t = conn_rules_get(c);
	t->wait_timer.fire = conn_timer_fire;
	if (gone && !t->gone_since)
		t->gone_since = l->now;
	if (t->gone_since && s->linger)
		timer_set(l, &t->wait_timer, t->gone_since + s->linger);
	else if (waits)
		timer_set(l, &t->wait_timer, t->waits);
	else if (unsure)
		timer_set(l, &t->wait_timer, unsure_until(c));
	else if (idle)
		timer_set(l, &t->wait_timer, c->active + s->idle);
	else
		timer_stop(l, &t->wait_timer);
}
