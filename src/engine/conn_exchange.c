/* conn_exchange.c - exchanges of a connection: begin, answer, failure, end. */
#include "engine/conn_exchange.h"

#include "engine/pipe.h"

/* The oldest has its answer. Figures are of what was asked: not of greetings, nor of what aids
 * others. */
void exchange_answered(struct conn *c)
{
	const struct exchange *x = c->exchanges.first;

	if (x->asked.role == VN_ASKS) {
		stats_add(&c->shard->stats, STAT_EXCHANGES, 1);
		pipe_answer(&c->response, x->began);
	}
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
	if (!c->response.raw)
		return;
	if (c->exchanges.first)
		c->exchanges.first->last = conn_loop(c)->now;
	else
		c->turn.last = conn_loop(c)->now;
}

bool raw_turn_continues(const struct conn *c, enum vn_direction d)
{
	if (d == VN_RESPONSE)
		return c->response.work->now.open;
	return c->request.work->now.open && (!c->response.raw || (!c->spoke && c->exchanges.first));
}
