/* conn_exchange.h - exchanges of a connection: begin, answer, failure, end. */
#ifndef ENGINE_CONN_EXCHANGE_H
#define ENGINE_CONN_EXCHANGE_H

#include "engine/conn_hello.h"
#include "engine/conn_rules.h"
#include "engine/conn_trace.h"
#include "engine/engine.h"

/* True if a rule that is in for the exchange wants that moment. */
static inline bool exchange_rules_want(const struct conn *c, enum vn_moment moment,
                                       const struct exchange *x)
{
	return c->plan->moments & moment &&
	       plan_asks(c->plan, moment, &c->ruled->whole, &x->flags);
}

/* True if the server has not sent its greeting. It may need bytes of the client first. */
static inline bool greeting_owed(const struct conn *c)
{
	return c->exchanges.first && c->exchanges.first->asked.is & VN_IS_OPENING;
}

/* Decides which rules are in for a new exchange. */
static inline struct rule_flags rule_flags_new(struct conn *c, uint64_t number,
                                               const struct vn_message *msg)
{
	struct plan *p = c->plan;
	struct rule_flags s = { 0 };

	if (!p->n)
		return s;
	if (c->tls && !c->tls_known && msg && msg->is & (VN_IS_LOGIN | VN_IS_READ | VN_IS_WRITE))
		conn_hello_plain(c);
	ruleset may = plan_on(p, IN_EXCHANGES);
	s.in = (c->ruled->whole.in & p->per_connection & may) |
	       conn_decide(c, may & ~p->per_connection, number, 0, msg);
	return s;
}

static inline struct exchange *exchange_new(struct conn *c, uint64_t number,
                                            const struct vn_message *msg)
{
	struct rule_flags s = rule_flags_new(c, number, msg);

	return exchange_push(&c->exchanges, &c->shard->worker->exchanges, number, msg, &s,
	                     conn_loop(c)->now);
}

/* The oldest is done with. */
static inline void exchange_over(struct conn *c)
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

void exchange_answered(struct conn *);          /* ... since it has its answer */
void exchange_abandoned(struct conn *);         /* ... and gets no answer */
/* NULL: it does not; the failure's end is the exchange's */
void exchange_fails(struct exchange *, const struct vn_failure *);

/* ---- a stream without messages ---- */

/* True if the next piece belongs to the open turn. */
bool raw_turn_continues(const struct conn *, enum vn_direction);

/* Bytes for the client have left the queue. */
void raw_turn_sent(struct conn *);

#endif
