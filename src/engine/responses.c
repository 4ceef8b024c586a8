/* responses.c - responses of the backend: matched to their request, judged, passed on. */
#include "engine/responses.h"

#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/pipe.h"
#include "engine/requests.h"

/* A response with `head` bytes of framing. */
/* Apart, for its judgement takes much of a stack that most responses do not need. */
static SELDOM void response_ask(struct conn *c, struct exchange *x, uint16_t head,
                                struct vn_span piece)
{
	struct current *m = &c->response.work->now;
	struct judgement j;
	struct vn_message asked = x->asked;
	struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &asked,
	                      .exchange = x->number, .flags = &x->flags,
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

void response_judge(struct conn *c, struct exchange *x, uint16_t head, struct vn_span piece)
{
	if (exchange_rules_want(c, VN_ON_RESPONSE, x))
		response_ask(c, x, head, piece);
	else if (x->late)
		c->response.work->now.holds = holds_ref(x->late);
}

void response_unedited(struct conn *c, struct exchange *x, const char *limit)
{
	struct question q = { .moment = VN_ON_RESPONSE, .direction = VN_RESPONSE, .msg = &x->asked,
	                      .connection = c->number, .exchange = x->number, .flags = &x->flags,
	                      .now = conn_loop(c)->now };

	plan_unedited(c->plan, x->struck_by, &q, limit);
	x->asked.struck = NULL;
}

static void mute_over(struct timer *timer)
{
	struct conn_rules *t = OWNER(conn_rules, mute_timer, timer);

	t->muted = 0;
	conn_later(t->conn);
}

SELDOM void response_struck(struct conn *c, struct exchange *x, struct vn_session *t)
{
	if (t->limit) {
		response_unedited(c, x, t->limit);
	} else if (t->mute) {
		struct conn_rules *r = conn_rules_get(c);
		r->muted = conn_loop(c)->now + t->mute;
		r->muted_by = x->struck_by;
		r->mute_timer.fire = mute_over;
		timer_set(conn_loop(c), &r->mute_timer, r->muted);
	}
	t->limit = NULL;
	t->mute = 0;
}

/* The oldest exchange, whose response begins: the rules that came while it was open meet it now. */
struct exchange *exchange_head(struct conn *c)
{
	struct exchange *x = c->exchanges.first;
	struct plan *p = c->plan;

	if (!x || !x->fresh)
		return x;
	x = exchange_split(&c->exchanges, &c->shard->worker->exchanges);
	x->flags.in |= conn_decide(c, x->fresh & ~p->per_connection, x->number, 0, NULL) |
	               (c->ruled->whole.in & x->fresh & p->per_connection);
	x->fresh = 0;
	return x;
}

/* Judges an unsolicited message at VN_ON_REQUEST. Holds and failure apply to the response. False:
 * the connection is doomed. */
static bool unsolicited_judge(struct conn *c, struct exchange *x)
{
	struct judgement j;
	struct question q = { .moment = VN_ON_REQUEST, .direction = VN_REQUEST, .msg = &x->asked,
	                      .exchange = x->number, .flags = &x->flags };

	if (!conn_judge(c, &q, &j))
		return true;
	x->late = holds_make(NULL, &j);
	conn_apply_end(c, &j, &x->end);
	if (x->trace && j.failure)
		exchange_trace_refused(x, c->plan, j.failure_rule);
	exchange_fails(x, j.v.fate == VN_REPLY ? j.failure : NULL);
	x->dropped = j.v.fate == VN_DROP;
	x->sent = exchange_needs_us(x);
	if (x->end && !x->failure)
		conn_doom_by_rule(c, x->end);
	return !c->dead;
}

struct exchange *unsolicited_begin(struct conn *c)
{
	struct vn_message msg = { .role = VN_PUSH, .verb = "GREETING", .is = VN_IS_OPENING };

	if (c->asked || c->pushed)
		msg = (struct vn_message){ .role = VN_PUSH, .verb = "PUSH" };
	struct exchange *x = exchange_new(c, c->asked || c->pushed ? UNASKED | c->pushed : 0, &msg);
	c->pushed++;
	exchange_trace_if(c, x, &msg, false);
	return unsolicited_judge(c, x) ? x : NULL;
}

void accept_judge(struct conn *c)
{
	const struct plan *p = c->plan;
	struct vn_message msg = { .role = VN_PUSH, .verb = "ACCEPT", .is = VN_IS_OPENING };
	struct rule_flags s = { .in = conn_decide(c, p->at_accept & ~p->per_connection, 0, 0,
		                                  &msg) };
	struct question q = { .moment = VN_ON_REQUEST,
		              .direction = VN_REQUEST,
		              .msg = &msg,
		              .flags = &s,
		              .spared = ~p->at_accept,
		              .refusals = true };
	struct judgement j;

	if (!conn_judge(c, &q, &j) || !j.failure)
		return;
	/* the others meet the refusal, as they would an answer */
	s.in |= conn_decide(c, plan_on(p, IN_EXCHANGES) & ~p->at_accept & ~p->per_connection, 0, 0,
	                    &msg);
	struct exchange *x = exchange_push(
		&c->exchanges, &c->shard->worker->exchanges, 0, &msg, &s, conn_loop(c)->now);
	exchange_trace_if(c, x, &msg, false);
	if (x->trace)
		exchange_trace_refused(x, p, j.failure_rule);
	x->late = holds_make(NULL, &j);
	conn_apply_end(c, &j, &x->end);
	exchange_fails(x, j.failure);
	x->sent = true;
	c->unaccepted = true;
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
	}
	exchange_clear(&c->exchanges);
	c->exchanges = aside;
}

void response_begin(struct conn *c, struct vn_message *msg, struct vn_span piece)
{
	struct current *m = &c->response.work->now;

	if (msg->role == VN_AIDS) {     /* the rules did not see its request either */
		m->role = VN_INTERIM;
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
	else if (msg->role != VN_INTERIM)
		response_judge(c, x, msg->head, piece);
}

void response_invites(struct conn *c, size_t n)
{
	struct current *m = &c->response.work->now;

	if (m->role == VN_INTERIM || !m->exchange || exchange_needs_us(m->exchange))
		return;
	if (m->gone)
		pipe_end(&c->response, m->end ? m->end : VN_CLOSE);
	else if (m->keep < n && !m->end)
		m->end = VN_CLOSE;      /* when the piece has been cut short */
}

/* The server has accepted the request before a sequel. The sequel's answer is that of both. */
static void response_agreed(struct conn *c)
{
	struct exchange *x = c->exchanges.first, *y = x->next;

	if (y && y->sequel)
		y->flags.in |= x->flags.in & ~x->flags.counted & plan_on(c->plan, VN_ON_RESPONSE) &
		               ~c->plan->per_connection;
	exchange_answered(c);
}

void response_complete(struct conn *c)
{
	struct current *m = &c->response.work->now;
	struct exchange *x = m->exchange;
	bool answers = m->role != VN_PUSH && m->role != VN_INTERIM && x;

	if (answers && exchange_needs_us(x)) {
		if (x->discard_replies)
			x->discard_replies--;
		else if (x->trace && !x->failure && !x->dropped)
			x->trace->lost = true;  /* a rule ends the connection in its turn */
		return;
	}
	if (answers) {
		c->logged_in |= !!(x->asked.is & VN_IS_LOGIN);
		exchange_answered(c);
		if (c->no_sequel)
			sequel_forget(c);
	}
	if (m->role == VN_INTERIM && x && x->asked.sequel && !exchange_needs_us(x))
		response_agreed(c);
	if (m->end != VN_STAY)
		pipe_end(&c->response, m->end);
	if (c->request.raw && !c->exchanges.first)
		c->response.raw = c->spoke = true;
}
