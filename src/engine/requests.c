/* requests.c - what is asked and answered: exchanges opened, refused, answered, and worded in turn. */
#include "engine/requests.h"

#include <stdio.h>

#include "engine/conn.h"
#include "engine/conn_rules.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/shard.h"
#include "spec/registry.h"
#include "engine/worker.h"

#define UNASKED (1ull << 63)            /* exchanges that nobody requested are numbered apart, so that they shift no other's fate */

/* ---- exchanges ---- */

/* Some rule is in for it and wants that moment: most of the time none does, and nothing need be asked. */
static bool exchange_rules_want(const struct conn *c, enum vn_moment moment, const struct exchange *x)
{
	return c->plan->moments & moment && plan_asks(c->plan, moment, &c->ruled->whole, &x->flags);
}

/* The dice are thrown for an exchange. */
static inline struct rule_flags rule_flags_new(struct conn *c, uint64_t number, const struct vn_message *msg)
{
	struct plan *p = c->plan;
	struct rule_flags s = { 0 };

	if (!p->n)
		return s;
	ruleset may = plan_on(p, IN_EXCHANGES);
	s.in = (c->ruled->whole.in & p->per_connection & may) | conn_decide(c, may & ~p->per_connection, number, 0, msg);
	return s;
}

static inline struct exchange *exchange_new(struct conn *c, uint64_t number, const struct vn_message *msg)
{
	struct rule_flags s = rule_flags_new(c, number, msg);

	return exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, msg, &s, conn_loop(c)->now);
}

static void exchange_over(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	if (x->count == 1) {
		if (c->request.work->now.exchange == x)
			c->request.work->now.exchange = NULL;
		if (c->response.work->now.exchange == x)
			c->response.work->now.exchange = NULL;
	}
	exchange_pop(&c->exchanges);
}

/* The oldest has its answer. Figures are of what was asked: not of greetings, nor of what aids others. */
static void exchange_answered(struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	if (x->asked.role == VN_ASKS) {
		stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
		pipe_answer(&c->response, x->began);
	}
	exchange_over(c);
}

/* A failure ends the connection as the server would, whatever other rules say of it later. */
static void exchange_fails(struct exchange *x, const struct vn_failure *f)
{
	x->failure = f;
	if (f && x->end < f->end)
		x->end = f->end;
}

/* ---- requests ---- */

/* An exchange is refused; how many answers its substitute brings, which is in the scratch now, or VN_BY_BACKEND. */
static int exchange_refuse(struct conn *c, struct exchange *x, const struct vn_message *msg, const struct vn_failure *f)
{
	struct vn_session *t = conn_talk(c);
	int answers = t->self->refuse(t, msg, f, t->scratch);

	conn_heard(c);
	if (answers == VN_BY_BACKEND)
		return answers;
	if (answers < 0) {              /* nobody knows what the backend should be told */
		buffer_clear(t->scratch);
		t->close = true;
		answers = 0;
	}
	exchange_fails(x, f);
	if (t->close && !x->end)
		x->end = VN_CLOSE;
	return answers;
}

/* What is in the scratch goes out instead of the request under way. */
static void exchange_substitute(struct conn *c, struct exchange *x, int answers)
{
	if (answers > 0) {
		x->discard_replies = answers > 255 ? 255 : (uint8_t)answers;
		x->asked.note |= VN_NOTE_SUBSTITUTE;
	}
	c->request.work->now.gone = true;
	pipe_insert(&c->request, vn_buffer_span(&c->shard->worker->scratch), x, c->request.work->now.holds);
}

static void conn_refuse(struct conn *c, struct exchange *x, const struct vn_message *msg, const struct vn_failure *f)
{
	exchange_substitute(c, x, exchange_refuse(c, x, msg, f));
}

static void request_drop(struct conn *c, struct exchange *x, const struct vn_message *msg)
{
	const struct vn_protocol *p = conn_protocol(c);

	c->request.work->now.gone = x->dropped = true;
	if (p->dropped && !c->request.raw) {
		p->dropped(conn_talk(c), msg);
		conn_heard(c);
	}
}

/* The failure by which the rules refuse it; NULL: none. */
static const struct vn_failure *request_judge(struct conn *c, struct exchange *x, const struct vn_message *msg, struct vn_span piece)
{
	struct current *m = &c->request.work->now;

	if (x->flags.in)
		m->exchange = x;
	if (!exchange_rules_want(c, VN_ON_REQUEST, x))
		return NULL;
	struct judgement j;
	struct question q = { .moment = VN_ON_REQUEST, .direction = VN_REQUEST, .msg = msg, .exchange = x->number, .flags = &x->flags,
	                      .data = (uint8_t *)piece.p, .len = piece.n };
	if (!conn_judge(c, &q, &j))
		return NULL;
	m->holds = holds_make(NULL, &j);
	m->keep = j.v.keep == VN_ALL ? UINT64_MAX : j.v.keep;
	m->dirt = j.v.dirt;
	conn_apply_end(c, &j, &x->end);
	if (j.v.fate == VN_DROP)
		request_drop(c, x, msg);
	return j.v.fate == VN_REPLY ? j.failure : NULL;
}

static void request_ask(struct conn *c, struct exchange *x, const struct vn_message *msg, struct vn_span piece)
{
	if (!c->plan->n)
		return;
	const struct vn_failure *f = request_judge(c, x, msg, piece);

	if (f)
		conn_refuse(c, x, msg, f);
}

/* What nothing will answer is an exchange for as long as it takes to send it, if a rule is in. */
static void request_tell(struct conn *c, const struct vn_message *msg, struct vn_span piece)
{
	uint64_t number = ++c->asked;
	struct rule_flags s = rule_flags_new(c, number, msg);

	if (!s.in)
		return;
	struct exchange *x = exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, msg, &s, conn_loop(c)->now);
	x->no_reply = true;
	request_ask(c, x, msg, piece);
}

/* ---- sequels: decided before the server is asked to agree, for once it has, it cannot be told to forget ---- */

/* The sequel y of x is refused: x is agreed to in our words, and what the backend gets is what becomes of y. */
static void sequel_refuse(struct conn *c, struct exchange *x, struct exchange *y, const struct vn_message *msg, const struct vn_failure *f)
{
	const struct vn_failure *agreed = msg->agreed ? failure_find(conn_protocol(c), msg->agreed) : NULL;
	int answers = agreed ? exchange_refuse(c, y, msg->sequel, f) : -1;

	if (answers < 0) {              /* there are no words of agreement: x gets those of the refusal, and no more comes */
		buffer_clear(&c->shard->worker->scratch);
		agreed = f;
		x->end = VN_CLOSE;
		answers = 0;
	}
	y->late = holds_ref(c->request.work->sequel.holds);
	c->request.work->sequel.gone = true;
	c->request.work->now.exchange = x;
	exchange_fails(x, agreed);
	exchange_substitute(c, x, answers);
}

static void sequel_ask(struct conn *c, struct exchange *x, const struct vn_message *msg, struct vn_span piece)
{
	struct pipe *p = &c->request;
	struct current first = p->work->now;

	p->work->now = (struct current){ 0 };
	pipe_open(p, msg->sequel);
	struct exchange *y = exchange_new(c, ++c->asked, msg->sequel);
	y->sequel = true;
	const struct vn_failure *f = request_judge(c, y, msg->sequel, piece);
	p->work->sequel = p->work->now;
	p->work->now = first;
	if (f)
		sequel_refuse(c, x, y, msg, f);
}

/* What the oldest exchange would have followed was not agreed to. */
static void sequel_forget(struct conn *c)
{
	c->no_sequel = false;
	if (!c->exchanges.first || !c->exchanges.first->sequel)
		return;
	plan_take_back(c->plan, &c->exchanges.first->flags, c->number, c->exchanges.first->number);
	exchange_over(c);
	message_forget(c->request.work->sequel.open ? &c->request.work->sequel : &c->request.work->now);
}

void request_continue(struct conn *c)
{
	struct exchange *x = c->exchanges.last;

	if (!x || !x->sequel)
		return;
	x->sequel = false;
	x->began = x->last = conn_loop(c)->now;
}

/* ---- what the client says, whatever its role ---- */

void request_begin(struct conn *c, struct vn_message *msg, struct vn_span piece)
{
	struct rule_flags undecided = { 0 };

	const struct vn_failure *f = msg->failure ? failure_find(conn_protocol(c), msg->failure) : NULL;

	msg->bytes = piece;
	if (msg->role == VN_AIDS || f) {
		struct exchange *x = exchange_push(&c->exchanges, &c->shard->worker->exchanges, c->asked + 1, msg, &undecided, conn_loop(c)->now);
		if (f)
			conn_refuse(c, c->request.work->now.exchange = x, msg, f);
	} else if (msg->role == VN_ASKS) {
		struct exchange *x = exchange_new(c, ++c->asked, msg);
		request_ask(c, x, msg, piece);
		if (msg->sequel && !exchange_needs_us(x))
			sequel_ask(c, x, msg, piece);
	} else if (msg->role == VN_TELLS) {
		request_tell(c, msg, piece);
	}
}

/* This was the last that is asked. What was asked before it is still to be answered. */
static void request_last(struct conn *c)
{
	if (conn_protocol(c)->flush && c->exchanges.first != c->exchanges.last) {
		struct vn_session *t = conn_talk(c);
		t->self->flush(t, t->scratch);
		conn_heard(c);
		pipe_insert(&c->request, vn_buffer_span(t->scratch), c->exchanges.last, NULL);
	}
	c->request.ended = true;
}

void request_complete(struct conn *c)
{
	struct exchange *x = c->request.work->now.exchange;

	if (!x || !exchange_needs_us(x))
		return;
	pipe_mark(&c->request, x);
	if (x->end)
		request_last(c);
}

/* ---- responses ---- */

/* A response with `head` bytes of framing. */
static void response_judge(struct conn *c, struct exchange *x, uint16_t head, struct vn_span piece)
{
	struct current *m = &c->response.work->now;

	if (!exchange_rules_want(c, VN_ON_RESPONSE, x)) {
		m->holds = holds_ref(x->late);
		return;
	}
	struct judgement j;
	struct vn_message asked = x->asked;
	struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &asked, .exchange = x->number, .flags = &x->flags,
	                      .data = (uint8_t *)piece.p, .len = piece.n };

	asked.head = head;
	if (!conn_judge(c, &q, &j)) {
		m->holds = holds_ref(x->late);
		return;
	}
	m->holds = holds_make(x->late, &j);
	m->keep = j.v.keep == VN_ALL ? UINT64_MAX : j.v.keep;
	m->dirt = j.v.dirt;
	m->gone = j.v.fate != VN_PASS;
	conn_apply_end(c, &j, &m->end);
}

/* The oldest exchange, whose response begins: the rules that came while it was open meet it now. */
static struct exchange *exchange_head(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	struct plan *p = c->plan;

	if (!x || !x->fresh)
		return x;
	x = exchange_split(&c->exchanges, &c->shard->worker->exchanges);
	x->flags.in |= conn_decide(c, x->fresh & ~p->per_connection, x->number, 0, NULL) | (c->ruled->whole.in & x->fresh & p->per_connection);
	x->fresh = 0;
	return x;
}

/* What the rules say of a request that nobody made: it befalls the response. False: the connection ended of it. */
static bool unsolicited_judge(struct conn *c, struct exchange *x)
{
	struct judgement j;
	struct question q = { .moment = VN_ON_REQUEST, .direction = VN_REQUEST, .msg = &x->asked, .exchange = x->number, .flags = &x->flags };

	if (!conn_judge(c, &q, &j))
		return true;
	x->late = holds_make(NULL, &j);
	conn_apply_end(c, &j, &x->end);
	exchange_fails(x, j.v.fate == VN_REPLY ? j.failure : NULL);
	x->dropped = j.v.fate == VN_DROP;
	x->sent = exchange_needs_us(x);
	if (x->end && !x->failure)
		conn_end_by_rule(c, x->end);
	return !c->dead;
}

/* The server speaks without having been asked: the greeting of a connection, or a push in it. */
struct exchange *unsolicited_begin(struct conn *c)
{
	struct vn_message msg = { .role = VN_PUSH, .verb = "GREETING", .is = VN_IS_OPENING };

	if (c->asked || c->pushed)
		msg = (struct vn_message){ .role = VN_PUSH, .verb = "PUSH" };
	struct exchange *x = exchange_new(c, c->asked || c->pushed ? UNASKED | c->pushed : 0, &msg);
	c->pushed++;
	return unsolicited_judge(c, x) ? x : NULL;
}

/* A push among answers has no place in their line. */
static void push_begin(struct conn *c, const struct vn_message *msg, struct vn_span piece)
{
	struct exchanges aside = c->exchanges;
	struct exchange *x;

	c->exchanges = (struct exchanges){ 0 };
	x = exchange_new(c, UNASKED | ++c->pushed, msg);
	if (unsolicited_judge(c, x)) {
		if (!x->dropped)
			response_judge(c, x, msg->head, piece);
		c->response.work->now.gone |= x->dropped;
		exchange_clear(&c->exchanges);
		c->exchanges = aside;
	}
	else {
		exchange_clear(&aside);
	}
}

void response_begin(struct conn *c, struct vn_message *msg, struct vn_span piece)
{
	struct current *m = &c->response.work->now;

	if (msg->role == VN_AIDS) {        /* as no rule was asked of what it answers, none is of this */
		m->role = VN_PUSH;
		return;
	}
	if (msg->role == VN_PUSH || !c->exchanges.first) {
		m->role = VN_PUSH;
		push_begin(c, msg, piece);
		return;
	}
	struct exchange *x = m->exchange = exchange_head(c);
	if (exchange_needs_us(x))
		m->gone = true;
	else
		response_judge(c, x, msg->head, piece);
}

void response_complete(struct conn *c)
{
	struct current *m = &c->response.work->now;
	struct exchange *x = m->exchange;

	if (m->role != VN_PUSH && x && exchange_needs_us(x)) {
		if (x->discard_replies)
			x->discard_replies--;
		return;
	}
	if (m->role != VN_PUSH && x) {
		c->logged_in |= !!(x->asked.is & VN_IS_LOGIN);
		exchange_answered(c);
		if (c->no_sequel)
			sequel_forget(c);
	}
	if (m->end != VN_STAY)
		pipe_end(&c->response, m->end);
	if (c->request.raw && !c->exchanges.first)
		c->response.raw = c->spoke = true;
}

/* ---- settling: what the oldest exchange is owed by us ---- */

bool reply_due(const struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	return x && exchange_needs_us(x) && x->sent && !x->discard_replies && !c->response.ended && !c->response.eof;
}

bool reply_write(struct conn *c, struct exchange *x, const struct vn_failure *f, struct holds *late)
{
	struct vn_session *t = conn_talk(c);

	t->self->word(t, x ? &x->asked : NULL, f, t->scratch);
	conn_heard(c);
	bool close = t->close;
	pipe_insert(&c->response, vn_buffer_span(t->scratch), x, late);
	return close;
}

void reply_send(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	enum vn_end end = x->end;

	if (x->failure) {
		struct holds *late;
		struct judgement j;
		struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &x->asked, .exchange = x->number, .flags = &x->flags };
		late = conn_judge(c, &q, &j) ? holds_make(x->late, &j) : holds_ref(x->late);
		x->asked.note &= ~VN_NOTE_SUBSTITUTE;
		if (reply_write(c, x, x->failure, late) && !end)
			end = VN_CLOSE;
		holds_unref(late);
		exchange_answered(c);
		if (c->no_sequel)
			sequel_forget(c);
	} else if (!x->end) {
		exchange_over(c);
	}
	pipe_wake(&c->request);
	if (end != VN_STAY)
		pipe_end(&c->response, end);
}

/* ---- streams without messages ---- */

/* The turn that is open has had its answer: when the backend's last byte came, or left the queue. */
static void turn_over(struct conn *c)
{
	for (const struct exchange *x; (x = c->exchanges.first); exchange_over(c))
		if (x->asked.role == VN_ASKS) {
			stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
			histogram_note(&c->shard->stats.answered, x->last - x->began);
		}
	if (c->turn_kind == ASKED) {
		stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
		histogram_note(&c->shard->stats.answered, c->turn.last - c->turn.began);
	}
	c->turn_kind = NO_TURN;
}

void raw_turn_sent(struct conn *c)
{
	if (!c->response.raw)
		return;
	if (c->exchanges.first)
		c->exchanges.first->last = conn_loop(c)->now;
	else
		c->turn.last = conn_loop(c)->now;
}

void exchanges_end(struct conn *c)
{
	if (c->response.raw && c->spoke)
		turn_over(c);
	exchange_clear(&c->exchanges);
}

static void turn_begin(struct conn *c)
{
	turn_over(c);
	c->spoke = false;
	if (c->response.work->now.open)
		message_forget(&c->response.work->now);
}

/* Without rules a turn is two times. */
static void turn_plain(struct conn *c, enum vn_direction d)
{
	struct pipe *p = d == VN_REQUEST ? &c->request : &c->response;
	vn_nsec now = conn_loop(c)->now;

	if (d == VN_RESPONSE) {
		c->spoke = true;
		if (!c->turn_kind) {
			c->turn.began = now;
			c->turn_kind = PUSHED;
			c->pushed++;
		}
		c->turn.last = now;
	} else if (c->spoke || !c->turn_kind) {
		turn_begin(c);
		c->turn = (struct turn){ now, now };
		c->turn_kind = ASKED;
		c->asked++;
		pipe_open(p, &(struct vn_message){ .role = VN_ASKS });
	}
	if (!p->work->now.open)
		pipe_open(p, &(struct vn_message){ .role = d == VN_REQUEST ? VN_ASKS : VN_ANSWERS });
}

void raw_turn_meet_rules(struct conn *c)
{
	enum turn_kind kind = c->turn_kind;
	bool greeting = c->pushed == 1 && !c->asked;
	struct vn_message msg = { .role = kind == ASKED ? VN_ASKS : VN_PUSH };

	c->turn_kind = NO_TURN;
	if (!kind)
		return;
	snprintf(msg.verb, sizeof msg.verb, "%s", kind == ASKED ? "DATA" : greeting ? "GREETING" : "PUSH");
	msg.is = kind == PUSHED && greeting ? VN_IS_OPENING : 0;
	uint64_t number = kind == ASKED ? c->asked : greeting ? 0 : UNASKED | (c->pushed - 1);
	exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, &msg, &(struct rule_flags){ 0 }, c->turn.began)->last = c->turn.last;
}

bool raw_turn_continues(const struct conn *c, enum vn_direction d)
{
	if (d == VN_RESPONSE)
		return c->response.work->now.open;
	return c->request.work->now.open && (!c->response.raw || (!c->spoke && c->exchanges.first));
}

void raw_turn(struct conn *c, enum vn_direction d, struct vn_span piece)
{
	struct exchange *x = c->exchanges.first;

	if (!c->plan->n && !x && c->response.raw) {
		turn_plain(c, d);
		return;
	}
	struct vn_message ask = { .role = VN_ASKS, .verb = "DATA" };
	if (d == VN_REQUEST) {
		if (!c->response.raw) {         /* lost, but what was asked before is still being answered */
			if (!c->request.work->now.open)
				pipe_open(&c->request, &ask);
			return;
		}
		if (c->spoke || !x)
			turn_begin(c);
		else if (c->request.work->now.open)
			return;
		x = exchange_head(c);
		if (x)
			x->dropped = false;     /* a turn that meets other rules midway is answered as they say */
		pipe_open(&c->request, &ask);
		request_ask(c, x ? x : exchange_new(c, ++c->asked, &ask), &ask, piece);
		return;
	}
	c->spoke = true;
	raw_turn_sent(c);
	if (c->response.work->now.open)
		return;
	x = exchange_head(c);
	if (!x && !(x = unsolicited_begin(c)))
		return;
	pipe_open(&c->response, &(struct vn_message){ .role = VN_ANSWERS });
	c->response.work->now.exchange = x;
	if (exchange_needs_us(x))
		c->response.work->now.gone = true;
	else
		response_judge(c, x, 0, piece);
}

/* ---- lost: from here on the connection is plain bytes ---- */

static bool raw_turn_owes_refusal(const struct conn *c)
{
	for (const struct exchange *x = c->exchanges.first; x; x = x->next)
		if (exchange_needs_us(x))
			return true;
	return c->request.work->now.gone;
}

static void tell_raw(struct conn *c, enum vn_direction d, const char *why)
{
	struct journal_entry n;

	journal_begin(&n, JOURNAL_RAW, conn_loop(c)->now, shard_spec(c->shard)->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "direction", d == VN_REQUEST ? "request" : "response");
	journal_text(&n, "why", why);
	journal_write(&n);
}

void conn_go_raw(struct conn *c, struct pipe *p, const char *why)
{
	why = why ? why : "the bytes are not understood";
	if (journal_wants(JOURNAL_RAW))
		tell_raw(c, p->direction, why);
	log_warning("raw proxy=%s connection=%llu direction=%s: %s; rules that need messages cannot strike it", shard_spec(c->shard)->name,
	            (unsigned long long)c->number, p->direction == VN_REQUEST ? "request" : "response", why);
	if (!c->raw_counted)
		stats_add(&c->shard->stats, STAT_RAW, 1);
	c->raw_counted = true;
	c->shard->worker->talk.notice = NULL;
	if (p->direction == VN_RESPONSE && raw_turn_owes_refusal(c)) {
		conn_end(c, VN_RESET, CLOSE_REASON_LOST);
		return;
	}
	c->request.raw = true;
	pipe_open(&c->request, &(struct vn_message){ 0 });
	c->request.work->now.open = false;
	message_forget(&c->request.work->sequel);
	pipe_wake(&c->request);
	if (p->direction == VN_RESPONSE || !c->exchanges.first) {
		c->response.raw = c->spoke = true;
		while (c->exchanges.first)
			exchange_over(c);
		pipe_open(&c->response, &(struct vn_message){ 0 });
		c->response.work->now.open = false;
	}
}

