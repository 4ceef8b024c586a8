/* requests.c - requests of the client: they open exchanges, are judged, or refused by a substitute.
 */
#include "engine/requests.h"

#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/piece.h"
#include "engine/pipe.h"
#include "engine/recent.h"
#include "engine/tls_told.h"
#include "spec/failure.h"

/* ---- requests ---- */

/* Refuses an exchange, and writes its substitute to the scratch buffer. Returns how many answers
 * the substitute will bring, or VN_BY_BACKEND. */
static int exchange_refuse(struct conn *c, struct exchange *x, const struct vn_message *msg,
                           const struct vn_failure *f)
{
	struct vn_session *t = conn_session(c);
	int answers = t->self->refuse(t, msg, f, t->scratch);

	conn_session_end(c);
	if (answers == VN_BY_BACKEND) {
		x->asked.struck = f;
		return answers;
	}
	if (answers < 0) {              /* there is no substitute */
		buffer_clear(t->scratch);
		t->close = true;
		answers = 0;
	}
	exchange_fails(x, f);
	if (t->close && !x->end)
		x->end = VN_CLOSE;
	return answers;
}

/* Sends the scratch buffer in place of the request under way. Without any, the request goes on if
 * the backend's answer is the error. */
static void exchange_substitute(struct conn *c, struct exchange *x, int answers)
{
	if (answers == VN_BY_BACKEND && !c->shard->worker->scratch.n)
		return;
	if (answers > 0) {
		x->discard_replies = answers > 255 ? 255 : (uint8_t)answers;
		x->asked.note |= VN_NOTE_SUBSTITUTE;
	}
	c->request.work->now.gone = true;
	pipe_insert(&c->request, vn_buffer_span(&c->shard->worker->scratch), x,
	            c->request.work->now.holds);
}

static void conn_refuse(struct conn *c, struct exchange *x, const struct vn_message *msg,
                        const struct vn_failure *f)
{
	exchange_substitute(c, x, exchange_refuse(c, x, msg, f));
}

static void request_drop(struct conn *c, struct exchange *x, const struct vn_message *msg)
{
	const struct vn_protocol *p = conn_protocol(c);

	c->request.work->now.gone = x->dropped = true;
	c->request_dropped = true;
	if (p->dropped && !c->request.raw) {
		p->dropped(conn_session(c), msg);
		conn_session_end(c);
	}
}

/* Returns the failure with which the rules refuse it. NULL: they do not. */
static const struct vn_failure *request_judge(struct conn *c, struct exchange *x,
                                              const struct vn_message *msg, struct vn_span piece)
{
	struct current *m = &c->request.work->now;

	if (x->flags.in)
		m->exchange = x;
	if (!exchange_rules_want(c, VN_ON_REQUEST, x))
		return NULL;
	struct judgement j;
	struct question q = { .moment = VN_ON_REQUEST, .direction = VN_REQUEST, .msg = msg,
	                      .exchange = x->number, .flags = &x->flags,
	                      .data = (uint8_t *)piece.p, .len = piece.n };
	if (!conn_judge(c, &q, &j))
		return NULL;
	m->holds = holds_make(NULL, &j);
	m->keep = j.v.keep == VN_ALL ? UINT64_MAX : j.v.keep;
	m->dirt = j.v.dirt;
	conn_apply_end(c, &j, &x->end);
	if (j.v.fate == VN_DROP)
		request_drop(c, x, msg);
	if (x->trace && j.failure)
		exchange_trace_refused(x, c->plan, j.failure_rule);
	x->struck_by = j.failure ? j.failure_rule : 0;
	return j.v.fate == VN_REPLY ? j.failure : NULL;
}

void request_apply_rules(struct conn *c, struct exchange *x, const struct vn_message *msg,
                         struct vn_span piece)
{
	if (!c->plan->n)
		return;
	const struct vn_failure *f = request_judge(c, x, msg, piece);

	if (f)
		conn_refuse(c, x, msg, f);
}

/* A message without an answer. It is an exchange only if a rule is in, until it is sent. */
static void request_tell(struct conn *c, const struct vn_message *msg, struct vn_span piece)
{
	uint64_t number = ++c->asked;
	struct rule_flags s = rule_flags_new(c, number, msg);

	if (c->shard->recent)
		recent_note(c->shard, c->number, number, msg);
	if (!s.in)
		return;
	struct exchange *x = exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, msg,
	                                   &s, conn_loop(c)->now);
	x->no_reply = true;
	request_apply_rules(c, x, msg, piece);
}

/* ---- sequels: decided before the server accepts the request before them ---- */

/* Refuses the sequel y of x. The engine writes the positive answer to x itself. The backend gets
 * the substitute of y in place of x. */
static void sequel_refuse(struct conn *c, struct exchange *x, struct exchange *y,
                          const struct vn_message *msg, const struct vn_failure *f)
{
	const struct vn_failure *agreed =
		msg->agreed ? failure_find(conn_protocol(c), msg->agreed) : NULL;
	int answers = agreed ? exchange_refuse(c, y, msg->sequel, f) : -1;

	if (answers == VN_BY_BACKEND && !c->shard->worker->scratch.n)
		return;                 /* both go on, and the answer is edited */
	if (answers < 0) {              /* no positive answer is known: x is refused instead */
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

static void sequel_ask(struct conn *c, struct exchange *x, const struct vn_message *msg,
                       struct vn_span piece)
{
	struct pipe *p = &c->request;
	struct current first = p->work->now;

	p->work->now = (struct current){ 0 };
	pipe_open(p, msg->sequel);
	struct exchange *y = exchange_new(c, ++c->asked, msg->sequel);
	y->sequel = true;
	stats_add(&c->shard->stats, STAT_ASKED, 1);
	exchange_trace_if(c, y, msg->sequel, true);
	c->hearing = x->trace;
	const struct vn_failure *f = request_judge(c, y, msg->sequel, piece);
	p->work->sequel = p->work->now;
	p->work->now = first;
	if (f)
		sequel_refuse(c, x, y, msg, f);
}

void sequel_forget(struct conn *c)
{
	c->no_sequel = false;
	if (!c->exchanges.first || !c->exchanges.first->sequel)
		return;
	plan_take_back(c->plan, &c->exchanges.first->flags, c->number, c->exchanges.first->number);
	stats_add(&c->shard->stats, STAT_ABANDONED, 1);
	exchange_over(c);
	message_forget(c->request.work->sequel.open ? &c->request.work->sequel :
	                                              &c->request.work->now);
}

void request_continue(struct conn *c)
{
	struct exchange *x = c->exchanges.last;

	if (!x || !x->sequel)
		return;
	x->sequel = false;
	x->began = x->last = conn_loop(c)->now;
	c->hearing = x->trace;
}

/* ---- messages of the client, by role ---- */

/* A prelude is set-up, until a command comes that is neither. */
static void request_place(struct conn *c, struct vn_message *msg)
{
	if (!c->worked && msg->is & VN_IS_PRELUDE)
		msg->is |= VN_IS_SETUP;
	else if (msg->role == VN_ASKS || msg->role == VN_TELLS)
		c->worked |= !(msg->is & (VN_IS_LOGIN | VN_IS_SETUP));
}

void request_begin(struct conn *c, struct vn_message *msg, struct vn_span piece)
{
	struct rule_flags undecided = { 0 };
	const struct vn_failure *f =
		msg->failure ? failure_find(conn_protocol(c), msg->failure) : NULL;

	if (msg->role == VN_GOES_ON) {
		c->request.work->now.gone = c->request_dropped;
		return;
	}
	c->request_dropped = false;
	msg->bytes = piece;
	request_place(c, msg);
	if (msg->role == VN_AIDS || f) {
		struct exchange *x =
			exchange_push(&c->exchanges, &c->shard->worker->exchanges, c->asked + 1,
			              msg, &undecided, conn_loop(c)->now);
		c->turned_away |= f && f->end;
		if (f && f->no_tls)
			tls_told_plain(c);
		if (f)
			conn_refuse(c, c->request.work->now.exchange = x, msg, f);
	} else if (msg->role == VN_ASKS) {
		struct exchange *x = exchange_new(c, ++c->asked, msg);
		if (c->shard->recent)
			recent_note(c->shard, c->number, x->number, msg);
		stats_add(&c->shard->stats, STAT_ASKED, 1);
		exchange_trace_if(c, x, msg, true);
		request_apply_rules(c, x, msg, piece);
		if (msg->sequel && !exchange_needs_us(x))
			sequel_ask(c, x, msg, piece);
	} else if (msg->role == VN_TELLS) {
		request_tell(c, msg, piece);
	}
}

/* No request after this one is read. The protocol flushes the answers to those before it. */
static void request_last(struct conn *c)
{
	if (conn_protocol(c)->flush && c->exchanges.first != c->exchanges.last) {
		struct vn_session *t = conn_session(c);
		t->self->flush(t, t->scratch);
		conn_session_end(c);
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
