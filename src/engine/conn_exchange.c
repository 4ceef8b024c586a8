/* conn_exchange.c - exchanges of a connection: begin, answer, failure, end. */
#include "engine/conn_exchange.h"

#include "engine/pipe.h"

/* The oldest has its answer. Figures are of what was asked: not of greetings, nor of what aids
 * others. */
void exchange_answered(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	if (x->asked.role == VN_ASKS) {
		stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
		pipe_answer(&c->response, x->began);
	}
	if (x->trace)
		exchange_trace_answered(c, x);
	exchange_over(c);
}

/* A raw connection's turns are counted when they are over. */
void exchange_abandoned(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	if (x->asked.role == VN_ASKS && !c->response.raw)
		stats_add(&c->shard->stats, STAT_ABANDONED, 1);
	if (x->trace)
		exchange_trace_over(c, x);
	exchange_over(c);
}

/* A failure ends the connection as the server would, even if other rules would end it otherwise. */
void exchange_fails(struct exchange *x, const struct vn_failure *f)
{
	x->failure = f;
	if (f && x->end < f->end)
		x->end = f->end;
}

void raw_turn_sent(struct conn *c)
{
	struct exchange *x = c->exchanges.first;

	if (!c->response.raw)
		return;
	if (x)
		x->last = conn_loop(c)->now;
	else
		c->turn.last = conn_loop(c)->now;
	if (x && x->trace && c->spoke)
		exchange_trace_spoke(c, x);
}

bool raw_turn_continues(const struct conn *c, enum vn_direction d)
{
	if (d == VN_RESPONSE)
		return c->response.work->now.open;
	return c->request.work->now.open && (!c->response.raw || (!c->spoke && c->exchanges.first));
}
