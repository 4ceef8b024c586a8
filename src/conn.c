/* conn.c - a client and a backend, from accept to close: what befalls a connection as a whole.
 *
 * All that happens ends in conn_run: both pipes go as far as they go, then it is seen whether the
 * connection rests, is stuck, or is over. There is one way to die, conn_close; it may be called
 * twice, and memory goes at the end of the loop's round. */
#include "conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linger.h"
#include "log.h"
#include "proxy.h"
#include "registry.h"
#include "worker.h"

#define UNASKED (1ull << 63)            /* exchanges that nobody requested are numbered apart, so that they shift no other's fate */

#define OUTER(type, field, p) ((struct type *)((char *)(p) - offsetof(struct type, field)))

static struct loop *loop_of(struct conn *c)
{
	return &c->proxy->worker->loop;
}

static const struct protocol *protocol_of(const struct conn *c)
{
	return proxy_spec(c->proxy)->protocol;
}

/* ---- sides ---- */

static void side_ready(struct watch *w, unsigned events)
{
	struct side *s = OUTER(side, watch, w);

	s->writable |= !!(events & EPOLLOUT);
	s->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->hup |= !!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->broken |= !!(events & EPOLLERR);
	conn_run(s->conn);
}

static void side_open(struct side *s, int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);       /* a unix socket has none of it */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	s->watch.fd = fd;
	s->open = s->readable = s->writable = true;
	loop_watch(loop_of(s->conn), &s->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

/* `said`: the peer's own end has been read. */
static void side_close(struct side *s, enum end how, bool said)
{
	int fd = s->watch.fd;

	if (fd < 0)
		return;
	s->watch.fd = -1;
	s->open = false;
	if (how == RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	if (how == RESET || said || s->broken) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	linger_start(s->conn->proxy->worker, fd);
}

/* ---- life and death ---- */

static void conn_free(struct mail *m)
{
	struct conn *c = OUTER(conn, later, m);

	plan_drop(c->plan);
	free(c);
}

static void states_free(struct conn *c)
{
	for (unsigned i = 0; c->states && i < c->plan->n; i++)
		free(c->states[i]);
	free(c->states);
	c->states = NULL;
}

static void conn_bury(struct conn *c, enum end how, const char *why)
{
	if (c->dead)
		return;
	c->dead = true;
	log_debug("closed proxy=%s connection=%llu why=\"%s\"", proxy_spec(c->proxy)->name, (unsigned long long)c->number, why);
	side_close(&c->client, how, c->request.eof);
	side_close(&c->backend, how, c->response.eof);
	dial_stop(c->dial);
	if (c->spare >= 0)
		close(c->spare);
	timer_stop(loop_of(c), &c->end_timer);
	timer_stop(loop_of(c), &c->patience);
	timer_stop(loop_of(c), &c->rest_timer);
	pipe_free(&c->request);
	pipe_free(&c->response);
	exchange_clear(&c->exchanges);
	lot_drop(c->opening);
	shelf_free(&c->texts);
	states_free(c);
	if (c->next)
		c->next->link = c->link;
	*c->link = c->next;
	stats_add(&c->proxy->stats, STAT_CLOSED, 1);
	if (c->raw_counted)
		stats_add(&c->proxy->stats, STAT_RAW_CLOSED, 1);
	proxy_left(c->proxy);
	if (!c->queued) {
		c->later.open = conn_free;
		loop_later(loop_of(c), &c->later);
	}
}

void conn_close(struct conn *c, const char *why)
{
	conn_bury(c, CLOSE, why);
}

void conn_end(struct conn *c, enum end end, const char *why)
{
	conn_bury(c, end, why);
}

static void conn_late(struct mail *m)
{
	struct conn *c = OUTER(conn, later, m);

	c->queued = false;
	if (c->dead)
		conn_free(m);
	else
		conn_run(c);
}

void conn_later(struct conn *c)
{
	if (c->queued)
		return;
	c->queued = true;
	c->later.open = conn_late;
	loop_later(loop_of(c), &c->later);
}

/* ---- judging ---- */

bool conn_judge(struct conn *c, struct question *q, struct judgement *j)
{
	const struct protocol *p = protocol_of(c);

	q->connection = c->number;
	q->whole = &c->whole;
	q->states = c->states;
	q->words = p->failures;
	q->raw = p->request && c->request.raw;
	q->now = loop_of(c)->now;
	return plan_judge(c->plan, q, j);
}

static void stall(struct conn *c, uint64_t rule)
{
	c->request.stalled = c->response.stalled = rule;
}

static void end_fire(struct timer *t)
{
	struct conn *c = OUTER(conn, end_timer, t);

	if (c->end == STALL) {
		stall(c, c->end_rule);
		return;
	}
	conn_run(c);    /* what is due goes first */
	conn_end(c, c->end, c->end == RESET ? "reset by a rule" : "closed by a rule");
}

void conn_ends(struct conn *c, const struct judgement *j, enum end *in_turn)
{
	const struct verdict *v = &j->v;

	if (v->end == STAY)
		return;
	if (!v->after && v->end == STALL)
		stall(c, j->end_rule);
	else if (!v->after)
		*in_turn = v->end;
	else if (v->after != NEVER && (!c->end_timer.slot || c->end_timer.due > loop_of(c)->now + v->after)) {
		c->end = v->end;
		c->end_rule = j->end_rule;
		timer_set(loop_of(c), &c->end_timer, loop_of(c)->now + v->after);
	}
}

static ruleset rules_on(const struct plan *p, unsigned moments)
{
	ruleset set = 0;

	for (unsigned m = 0; m < 7; m++)
		if (moments & 1u << m)
			set |= p->on[m];
	return set;
}

enum { IN_EXCHANGES = ON_REQUEST | ON_RESPONSE | ON_DATA };

/* A new exchange: the dice are thrown for it. */
static struct exchange *exchange_new(struct conn *c, uint64_t number, const struct message *msg)
{
	struct plan *p = c->plan;
	ruleset may = rules_on(p, IN_EXCHANGES);
	struct stand s = { .in = c->whole.in & p->per_connection & may };

	if (p->n)
		s.in |= plan_decide(p, may & ~p->per_connection, c->number, number, 0);
	return exchange_push(&c->exchanges, number, msg, &s);
}

static void exchange_over(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	if (x->alike == 1) {
		if (c->request.now.exchange == x)
			c->request.now.exchange = NULL;
		if (c->response.now.exchange == x)
			c->response.now.exchange = NULL;
	}
	exchange_pop(&c->exchanges);
}

/* A failure ends the connection as the server would, whatever other rules say of it later. */
static void exchange_fails(struct exchange *x, const struct failure *f)
{
	x->failure = f;
	if (f && x->end < f->end)
		x->end = f->end;
}

/* ---- requests ---- */

static void conn_refuse(struct conn *c, struct exchange *x, const struct message *msg, const struct failure *f)
{
	const struct protocol *p = protocol_of(c);
	struct out *out = c->talk.scratch;

	out_clear(out);
	c->talk.close = false;
	int answers = p->refuse(&c->talk, msg, f, out);
	if (answers < 0) {
		x->end = STAY;
		return;
	}
	exchange_fails(x, f);
	if (c->talk.close && !x->end)
		x->end = CLOSE;
	x->swallow = answers > 255 ? 255 : (uint8_t)answers;
	if (answers)
		x->asked.note |= NOTE_SUBSTITUTE;
	c->request.now.gone = true;
	pipe_say(&c->request, out_span(out), c->request.now.lot);
}

static void request_judge(struct conn *c, struct exchange *x, const struct message *msg, struct span piece)
{
	struct current *m = &c->request.now;
	struct judgement j;
	struct question q = { .moment = ON_REQUEST, .direction = REQUEST, .msg = msg, .exchange = x->number, .stand = &x->stand,
	                      .data = (uint8_t *)piece.p, .len = piece.n };

	if (x->stand.in)
		m->exchange = x;
	if (!conn_judge(c, &q, &j))
		return;
	m->lot = lot_make(NULL, &j);
	m->keep = j.v.keep == ALL ? UINT64_MAX : j.v.keep;
	m->dirt = j.v.dirt;
	conn_ends(c, &j, &x->end);
	if (j.v.fate == REPLY)
		conn_refuse(c, x, msg, j.failure);
	if (j.v.fate == DROP)
		m->gone = x->dropped = true;
}

void conn_begin_request(struct conn *c, struct message *msg, struct span piece)
{
	struct stand undecided = { 0 };

	const struct failure *f = msg->failure ? failure_find(protocol_of(c), msg->failure) : NULL;

	if (msg->role == AIDS || f) {
		struct exchange *x = exchange_push(&c->exchanges, c->asked + 1, msg, &undecided);
		if (f)
			conn_refuse(c, c->request.now.exchange = x, msg, f);
	} else if (msg->role == ASKS)
		request_judge(c, exchange_new(c, ++c->asked, msg), msg, piece);
}

void conn_done_request(struct conn *c)
{
	struct exchange *x = c->request.now.exchange;

	if (!x || !exchange_minds(x))
		return;
	pipe_mark(&c->request, x);
	if (x->end)
		c->request.ended = true;
}

/* ---- responses ---- */

static void response_judge(struct conn *c, struct exchange *x, struct span piece)
{
	struct current *m = &c->response.now;
	struct judgement j;
	struct question q = { .moment = ON_RESPONSE, .direction = RESPONSE, .msg = &x->asked, .exchange = x->number, .stand = &x->stand,
	                      .data = (uint8_t *)piece.p, .len = piece.n };

	if (!conn_judge(c, &q, &j)) {
		m->lot = lot_hold(x->late);
		return;
	}
	m->lot = lot_make(x->late, &j);
	m->keep = j.v.keep == ALL ? UINT64_MAX : j.v.keep;
	m->dirt = j.v.dirt;
	m->gone = j.v.fate != PASS;
	conn_ends(c, &j, &m->end);
}

/* The oldest exchange, whose response begins: the rules that came while it was open meet it now. */
static struct exchange *exchange_head(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	struct plan *p = c->plan;

	if (!x || !x->fresh)
		return x;
	x = exchange_split(&c->exchanges);
	x->stand.in |= plan_decide(p, x->fresh & ~p->per_connection, c->number, x->number, 0) | (c->whole.in & x->fresh & p->per_connection);
	x->fresh = 0;
	return x;
}

/* What the rules say of a request that nobody made: it befalls the response. False: the connection ended of it. */
static bool unasked_judge(struct conn *c, struct exchange *x)
{
	struct judgement j;
	struct question q = { .moment = ON_REQUEST, .direction = REQUEST, .msg = &x->asked, .exchange = x->number, .stand = &x->stand };

	if (!conn_judge(c, &q, &j))
		return true;
	x->late = lot_make(NULL, &j);
	conn_ends(c, &j, &x->end);
	exchange_fails(x, j.v.fate == REPLY ? j.failure : NULL);
	x->dropped = j.v.fate == DROP;
	x->sent = exchange_minds(x);
	if (x->end && !x->failure)
		conn_end(c, x->end, x->end == RESET ? "reset by a rule" : "closed by a rule");
	return !c->dead;
}

/* The server speaks without having been asked: the greeting of a connection, or a push in it. */
static struct exchange *unasked_open(struct conn *c)
{
	struct message msg = { .role = PUSH, .verb = "GREETING", .is = IS_OPENING };

	if (c->asked || c->pushed)
		msg = (struct message){ .role = PUSH, .verb = "PUSH" };
	struct exchange *x = exchange_new(c, c->asked || c->pushed ? UNASKED | c->pushed : 0, &msg);
	c->pushed++;
	return unasked_judge(c, x) ? x : NULL;
}

/* A push among answers has no place in their line. */
static void push_judge(struct conn *c, const struct message *msg, struct span piece)
{
	struct exchanges aside = c->exchanges;
	struct exchange *x;

	c->exchanges = (struct exchanges){ 0 };
	x = exchange_new(c, UNASKED | ++c->pushed, msg);
	if (unasked_judge(c, x)) {
		if (!x->dropped)
			response_judge(c, x, piece);
		c->response.now.gone |= x->dropped;
		exchange_clear(&c->exchanges);
		c->exchanges = aside;
	}
	else {
		exchange_clear(&aside);
	}
}

void conn_begin_response(struct conn *c, struct message *msg, struct span piece)
{
	struct current *m = &c->response.now;
	struct exchange *x = exchange_head(c);

	if (msg->role == PUSH || !x) {
		m->role = PUSH;
		push_judge(c, msg, piece);
		return;
	}
	m->exchange = x;
	if (exchange_minds(x))
		m->gone = true;
	else
		response_judge(c, x, piece);
}

void conn_done_response(struct conn *c)
{
	struct current *m = &c->response.now;
	struct exchange *x = m->exchange;

	if (m->role != PUSH && x && exchange_minds(x)) {
		if (x->swallow)
			x->swallow--;
		return;
	}
	if (m->role != PUSH && x) {
		c->logged_in |= !!(x->asked.is & IS_LOGIN);
		stats_add(&c->proxy->stats, STAT_EXCHANGES, 1);
		exchange_over(c);
	}
	if (m->end != STAY)
		pipe_end(&c->response, m->end);
	if (c->request.raw && !c->exchanges.first)
		c->response.raw = c->spoke = true;
}

/* ---- settling: what the oldest exchange is owed by us ---- */

bool conn_settles(const struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	return x && exchange_minds(x) && x->sent && !x->swallow && !c->response.ended && !c->response.eof;
}

static void conn_word(struct conn *c, const struct message *asked, const struct failure *f, struct lot *late)
{
	struct out *out = c->talk.scratch;

	out_clear(out);
	protocol_of(c)->word(&c->talk, asked, f, out);
	pipe_say(&c->response, out_span(out), late);
}

void conn_settle(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	enum end end = x->end;

	if (x->failure) {
		struct lot *late;
		struct judgement j;
		struct question q = { .moment = ON_RESPONSE, .direction = RESPONSE, .msg = &x->asked, .exchange = x->number, .stand = &x->stand };
		late = conn_judge(c, &q, &j) ? lot_make(x->late, &j) : lot_hold(x->late);
		x->asked.note &= ~NOTE_SUBSTITUTE;
		conn_word(c, &x->asked, x->failure, late);
		lot_drop(late);
		stats_add(&c->proxy->stats, STAT_EXCHANGES, 1);
	}
	if (!x->end || x->failure)
		exchange_over(c);
	if (end != STAY)
		pipe_end(&c->response, end);
}

/* ---- streams without messages ---- */

static void turn_begin(struct conn *c)
{
	for (; c->exchanges.first; stats_add(&c->proxy->stats, STAT_EXCHANGES, 1))
		exchange_over(c);
	c->spoke = false;
	pipe_open(&c->response, &(struct message){ 0 });
	c->response.now.open = false;
}

void conn_turn(struct conn *c, enum direction d, struct span piece)
{
	struct message ask = { .role = ASKS, .verb = "DATA" };
	struct exchange *x = c->exchanges.first;

	if (d == REQUEST) {
		if (!c->response.raw) {         /* lost, but what was asked before is still being answered */
			if (!c->request.now.open)
				pipe_open(&c->request, &ask);
			return;
		}
		if (c->spoke || !x)
			turn_begin(c);
		else if (c->request.now.open)
			return;
		x = exchange_head(c);
		pipe_open(&c->request, &ask);
		request_judge(c, x ? x : exchange_new(c, ++c->asked, &ask), &ask, piece);
		return;
	}
	c->spoke = true;
	if (c->response.now.open)
		return;
	x = exchange_head(c);
	if (!x && !(x = unasked_open(c)))
		return;
	pipe_open(&c->response, &(struct message){ .role = ANSWERS });
	c->response.now.exchange = x;
	if (exchange_minds(x))
		c->response.now.gone = true;
	else
		response_judge(c, x, piece);
}

/* ---- lost: from here on the connection is plain bytes ---- */

static bool owes_refusal(const struct conn *c)
{
	for (const struct exchange *x = c->exchanges.first; x; x = x->next)
		if (exchange_minds(x))
			return true;
	return c->request.now.gone;
}

void conn_raw(struct conn *c, struct pipe *p, const char *why)
{
	log_warning("raw proxy=%s connection=%llu direction=%s: %s; rules that need messages cannot strike it", proxy_spec(c->proxy)->name,
	            (unsigned long long)c->number, p->direction == REQUEST ? "request" : "response", why ? why : "the bytes are not understood");
	if (!c->raw_counted)
		stats_add(&c->proxy->stats, STAT_RAW, 1);
	c->raw_counted = true;
	c->talk.notice = NULL;
	if (p->direction == RESPONSE && owes_refusal(c)) {
		conn_end(c, RESET, "the answer to a refused request is not understood");
		return;
	}
	c->request.raw = true;
	pipe_open(&c->request, &(struct message){ 0 });
	c->request.now.open = false;
	if (p->direction == RESPONSE || !c->exchanges.first) {
		c->response.raw = c->spoke = true;
		while (c->exchanges.first)
			exchange_over(c);
		pipe_open(&c->response, &(struct message){ 0 });
		c->response.now.open = false;
	}
}

/* ---- rest: a connection on which nothing goes on ---- */

static bool conn_rests(const struct conn *c)
{
	return c->backend.open && !c->queued && c->logged_in && !c->exchanges.first && pipe_idle(&c->request) && pipe_idle(&c->response) && !c->request.raw;
}

static void rest_strike(struct conn *c)
{
	if (c->rest_failure)
		conn_word(c, NULL, c->rest_failure, NULL);
	if (c->rest_end != STAY)
		pipe_end(&c->response, c->rest_end);
	c->rest_failure = NULL;
	pipe_pump(&c->response);
}

static void rest_fire(struct timer *t)
{
	struct conn *c = OUTER(conn, rest_timer, t);

	if (c->resting)
		rest_strike(c);
}

static void rest_judge(struct conn *c)
{
	struct plan *p = c->plan;
	struct judgement j;
	struct stand s = { .in = plan_decide(p, rules_on(p, ON_REST) & ~p->per_connection, c->number, c->asked, ON_REST) };
	struct question q = { .moment = ON_REST, .direction = RESPONSE, .exchange = c->asked, .stand = &s };

	if (!conn_judge(c, &q, &j))
		return;
	c->rest_failure = j.failure;
	c->rest_end = j.v.end;
	c->rest_rule = j.end_rule;
	if (j.v.after)
		timer_set(loop_of(c), &c->rest_timer, j.v.after == NEVER ? NEVER : loop_of(c)->now + j.v.after);
	else
		rest_strike(c);
}

static void conn_rest(struct conn *c)
{
	if (!(c->plan->moments & ON_REST))
		return;
	bool rests = conn_rests(c);
	if (!c->resting)
		timer_stop(loop_of(c), &c->rest_timer);
	if (rests && !c->resting) {
		c->resting = true;
		rest_judge(c);
	} else if (!rests) {
		c->resting = false;
		timer_stop(loop_of(c), &c->rest_timer);
	}
}

/* ---- patience: the gone client, the idle connection ---- */

static bool pipe_moves(const struct pipe *p)
{
	return p->queue.first && p->queue.first->due != NEVER;
}

/* The client has left, and what keeps the rest here is a rule that no time will end. */
static bool conn_gone(const struct conn *c)
{
	bool left = c->request.eof || c->client.hup;

	return left && (c->waits == NEVER || pipe_stuck(&c->request) || pipe_stuck(&c->response)) && !pipe_moves(&c->request) && !pipe_moves(&c->response);
}

/* Nothing is held, nothing owed. */
static bool conn_quiet(const struct conn *c)
{
	bool owed = c->exchanges.first && !(c->request.raw && c->spoke);

	return c->backend.open && !owed && !c->request.queue.first && !c->response.queue.first && !c->request.stalled;
}

static void conn_wait(struct conn *c)
{
	const struct spec *s = proxy_spec(c->proxy);
	struct loop *l = loop_of(c);

	if (!conn_gone(c))
		c->gone_since = 0;
	else if (!c->gone_since)
		c->gone_since = l->now;
	if (c->gone_since && s->linger)
		timer_set(l, &c->patience, c->gone_since + s->linger);
	else if (c->waits)
		timer_set(l, &c->patience, c->waits);
	else if (s->idle && conn_quiet(c))
		timer_set(l, &c->patience, c->active + s->idle);
	else
		timer_stop(l, &c->patience);
}

static void conn_dial(struct conn *c);

static void patience_fire(struct timer *t)
{
	struct conn *c = OUTER(conn, patience, t);
	const struct spec *s = proxy_spec(c->proxy);
	nsec now = loop_of(c)->now;

	if (c->gone_since && s->linger && now >= c->gone_since + s->linger)
		conn_end(c, RESET, "its client has left and a rule holds the rest");
	else if (c->waits && now >= c->waits)
		conn_dial(c);
	else if (s->idle && !c->waits && now >= c->active + s->idle)
		conn_end(c, CLOSE, "idle");
	else
		conn_wait(c);
}

/* ---- the whole ---- */

static void conn_notice(struct conn *c)
{
	if (c->talk.notice && !c->proxy->noticed)
		log_warning("proxy=%s: %s", proxy_spec(c->proxy)->name, c->talk.notice);
	c->proxy->noticed |= !!c->talk.notice;
	c->talk.notice = NULL;
}

void conn_run(struct conn *c)
{
	if (c->running || c->dead)
		return;
	c->running = true;
	do {
		c->again = false;
		pipe_pump(&c->request);
		while (!c->dead && conn_settles(c) && (!c->response.now.open || c->response.raw))
			conn_settle(c);
		pipe_pump(&c->response);
	} while (c->again && !c->dead);
	if (!c->dead && c->response.shut && c->request.ended && !c->request.queue.first)
		conn_end(c, CLOSE, "the backend has ended before an end could take its turn");
	if (!c->dead && (c->client.broken || c->backend.broken))
		conn_end(c, RESET, c->client.broken ? "reset by the client" : "reset by the backend");
	if (!c->dead)
		conn_rest(c);
	if (!c->dead) {
		conn_notice(c);
		conn_wait(c);
	}
	c->running = false;
}

/* ---- opening ---- */

static void conn_dialled(void *whom, int fd, const char *why)
{
	struct conn *c = whom;

	c->dial = NULL;
	if (fd < 0) {
		log_warning("proxy=%s connection=%llu backend=%s: %s; its client is reset", proxy_spec(c->proxy)->name,
		            (unsigned long long)c->number, proxy_spec(c->proxy)->backend.text, why);
		conn_end(c, RESET, why);
		return;
	}
	side_open(&c->backend, fd);
	c->active = loop_of(c)->now;
	conn_run(c);
}

static void conn_dial(struct conn *c)
{
	const struct spec *s = proxy_spec(c->proxy);

	int spare = c->spare;

	c->waits = 0;
	c->spare = -1;
	c->dial = dial_start(loop_of(c), c->proxy->worker->resolver, &s->backend, s->timeout, spare, conn_dialled, c);
}

/* Before the dial: lets it wait, as the rules say. */
static void conn_schedule(struct conn *c)
{
	nsec late = lot_late(c->opening);

	c->waits = 0;
	if (!late)
		conn_dial(c);
	else
		c->waits = late == NEVER ? NEVER : c->active + late;
}

static void meet(struct conn *c, ruleset rules, struct judgement *j, bool *any)
{
	struct plan *p = c->plan;
	ruleset all = c->whole.in;

	c->whole.in = plan_decide(p, rules & (p->per_connection | (p->certain & rules_on(p, ON_OPEN))), c->number, UINT64_MAX, ON_OPEN) |
	              (rules & p->certain & ~p->per_connection);
	*any = conn_judge(c, &(struct question){ .moment = ON_OPEN, .direction = BOTH }, j);
	c->whole.in |= all;
}

/* These rules and this connection meet. False: it ended of it. */
static bool conn_meet(struct conn *c, ruleset rules, bool opening)
{
	struct judgement j;
	bool any;
	enum end end = STAY;

	meet(c, rules, &j, &any);
	if (!any)
		return true;
	conn_ends(c, &j, &end);
	if (opening)
		c->opening = lot_make(NULL, &j);
	if (end != STAY)
		conn_end(c, end, end == RESET ? "reset by a rule" : "closed by a rule");
	return !c->dead;
}

static struct conn *conn_new(struct proxy *proxy, int spare, uint64_t number)
{
	const struct spec *s = proxy_spec(proxy);
	struct conn *c = calloc(1, sizeof *c + s->protocol->state_size);

	assert(c);
	c->proxy = proxy;
	c->number = number;
	c->spare = spare;
	c->client = (struct side){ .watch = { -1, side_ready }, .conn = c };
	c->backend = (struct side){ .watch = { -1, side_ready }, .conn = c };
	pipe_init(&c->request, c, REQUEST, &c->client, &c->backend);
	pipe_init(&c->response, c, RESPONSE, &c->backend, &c->client);
	c->request.raw = c->response.raw = !s->protocol->request;
	c->logged_in = !s->protocol->login;
	c->end_timer.fire = end_fire;
	c->patience.fire = patience_fire;
	c->rest_timer.fire = rest_fire;
	c->active = loop_of(c)->now;
	shelf_init(&c->texts, SHELF_ROOM);
	c->talk = (struct talk){ .state = c->state, .opts = s->protocol_block.opts, .texts = &c->texts, .scratch = &proxy->worker->scratch };
	c->plan = plan_hold(proxy->plan);
	c->states = c->plan->n ? calloc(c->plan->n, sizeof *c->states) : NULL;
	c->next = proxy->conns;
	c->link = &proxy->conns;
	if (c->next)
		c->next->link = &c->next;
	proxy->conns = c;
	return c;
}

static void say_opened(const struct conn *c)
{
	struct endpoint e = { .len = sizeof e.addr };
	char text[128];

	if (log_threshold > LOG_DEBUG)
		return;
	getpeername(c->client.watch.fd, (struct sockaddr *)&e.addr, &e.len);
	log_debug("opened proxy=%s connection=%llu client=%s", proxy_spec(c->proxy)->name, (unsigned long long)c->number,
	          endpoint_show(&e, text, sizeof text));
}

void conn_open(struct proxy *proxy, int fd, int spare, uint64_t number)
{
	struct conn *c = conn_new(proxy, spare, number);
	struct exchange *x;

	stats_add(&proxy->stats, STAT_OPENED, 1);
	side_open(&c->client, fd);
	say_opened(c);
	loop_clock(loop_of(c));
	if (!conn_meet(c, plan_all(c->plan), true))
		return;
	if (protocol_of(c)->server_first && !(x = unasked_open(c)))
		return;
	if (!c->exchanges.first || !c->exchanges.first->failure)
		conn_schedule(c);
	conn_run(c);
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
static bool conn_leave(struct conn *c, const struct plan *to)
{
	struct stand whole = c->whole;
	struct judgement j;
	enum end end = STAY;
	ruleset gone = 0;

	for (unsigned i = 0; i < c->plan->n; i++)
		if (plan_find(to, c->plan->rules[i].words->id) < 0)
			gone |= (ruleset)1 << i;
	c->whole.in &= gone;
	if (c->plan->moments & ON_LEAVE && conn_judge(c, &(struct question){ .moment = ON_LEAVE, .direction = BOTH }, &j)) {
		j.v.after = 0;
		conn_ends(c, &j, &end);
	}
	c->whole = whole;
	if (end != STAY)
		conn_end(c, end, "closed by a rule that was removed");
	return !c->dead;
}

static void exchanges_change(struct conn *c, const struct plan *from, const struct plan *to, ruleset fresh)
{
	for (struct exchange *x = c->exchanges.first; x; x = x->next) {
		stand_translate(from, to, &x->stand);
		x->fresh = translate(from, to, x->fresh) | (fresh & rules_on(to, IN_EXCHANGES));
		lot_strip(x->late, to);
	}
}

static void timers_change(struct conn *c, const struct plan *to)
{
	if (c->end_timer.slot && plan_find(to, c->end_rule) < 0)
		timer_stop(loop_of(c), &c->end_timer);
	if (c->rest_timer.slot && plan_find(to, c->rest_rule) < 0)
		timer_stop(loop_of(c), &c->rest_timer);
	c->resting = false;
	if (c->waits) {
		lot_strip(c->opening, to);
		conn_schedule(c);
	}
}

void conn_change(struct conn *c, struct plan *to)
{
	struct plan *from = c->plan;
	ruleset fresh = 0;

	if (c->dead || !conn_leave(c, to))
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
	pipe_change(&c->request, to);
	pipe_change(&c->response, to);
	if (conn_meet(c, fresh, false)) {
		exchanges_change(c, from, to, fresh);
		timers_change(c, to);
		conn_run(c);
	}
	plan_drop(from);
}
