/* conn_exchange.h - a connection's exchanges: they begin, are answered, fail, end. */
#ifndef ENGINE_CONN_EXCHANGE_H
#define ENGINE_CONN_EXCHANGE_H

#include "engine/conn_rules.h"
#include "engine/engine.h"

/* Some rule is in for the exchange and wants that moment. */
static inline bool exchange_rules_want(const struct conn *c, enum vn_moment moment, const struct exchange *x)
{
	return c->plan->moments & moment && plan_asks(c->plan, moment, &c->ruled->whole, &x->flags);
}

/* The server has not sent its greeting. It may wait for bytes of the client before it does. */
static inline bool greeting_owed(const struct conn *c)
{
	return c->exchanges.first && c->exchanges.first->asked.is & VN_IS_OPENING;
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
void exchange_fails(struct exchange *, const struct vn_failure *);      /* NULL: it does not; the failure's end is the exchange's */

/* ---- a stream without messages ---- */

bool raw_turn_continues(const struct conn *, enum vn_direction);        /* the next piece begins no turn */
void raw_turn_sent(struct conn *);              /* bytes for the client left the queue */

#endif
