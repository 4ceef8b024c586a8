/* holder.c - the rule that holds a connection now. */
#include "engine/holder.h"

static const struct rule_spec *held_by(const struct conn *c, uint64_t rule, vn_nsec until,
                                       vn_nsec *left)
{
	int i = plan_find(c->plan, rule);
	vn_nsec now = conn_loop((struct conn *)c)->now;

	if (i < 0)
		return NULL;
	*left = until == VN_NEVER ? VN_NEVER : until > now ? until - now : 0;
	return c->plan->rules[i].spec;
}

/* Chooses the rule with the longest hold. */
static const struct rule_spec *held_by_holds(const struct conn *c, const struct holds *l,
                                             vn_nsec until, vn_nsec *left)
{
	const struct hold *most = NULL;

	for (unsigned i = 0; l && i < l->n; i++)
		if (!most || l->by[i].hold > most->hold)
			most = &l->by[i];
	return most ? held_by(c, most->rule, until, left) : NULL;
}

/* A queue is held if its first parcel is not due, or if a rule sets its pace. The timer is set
 * then, unless only room is missing. */
static const struct rule_spec *held_by_queue(const struct conn *c, const struct pipe *p,
                                             vn_nsec *left)
{
	const struct parcel *q = p->work->queue.first;

	if (!q || (q->due <= conn_loop((struct conn *)c)->now && !p->work->timer.slot))
		return NULL;
	return held_by_holds(c, q->why,
	                     q->due == VN_NEVER  ? VN_NEVER :
	                     p->work->timer.slot ? p->work->timer.due :
	                                           q->due,
	                     left);
}

const struct rule_spec *conn_holder(const struct conn *c, vn_nsec *left)
{
	const struct conn_rules *t = c->ruled;
	const struct rule_spec *by;

	if (t->waits)
		return held_by_holds(c, t->opening, t->waits, left);
	if (t->vanished || t->stalled)
		return held_by(c, t->vanished ? t->vanished : t->stalled, VN_NEVER, left);
	if (t->muted)
		return held_by(c, t->muted_by, t->muted, left);
	by = held_by_queue(c, &c->request, left);
	return by ? by : held_by_queue(c, &c->response, left);
}
