/* conn_list.c - list of a worker's live connections, for the API; ending them through the API. */
#include "engine/conn_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "net/socket.h"

/* ---- the rule that holds a connection ---- */

static bool held_by(struct conn_info *e, const struct conn *c, uint64_t rule, vn_nsec until)
{
	int i = plan_find(c->plan, rule);

	if (i < 0)
		return false;
	snprintf(e->rule, sizeof e->rule, "%s", c->plan->rules[i].spec->name);
	vn_nsec now = conn_loop((struct conn *)c)->now;
	e->left = until == VN_NEVER ? VN_NEVER : until > now ? until - now : 0;
	return true;
}

/* Chooses the rule with the longest hold. */
static bool held_by_holds(struct conn_info *e, const struct conn *c, const struct holds *l,
                          vn_nsec until)
{
	const struct hold *most = NULL;

	for (unsigned i = 0; l && i < l->n; i++)
		if (!most || l->by[i].hold > most->hold)
			most = &l->by[i];
	return most && held_by(e, c, most->rule, until);
}

/* A queue is held if its first parcel is not due, or if a rule sets its pace. The timer is set
 * then, unless only room is missing. */
static bool held_by_queue(struct conn_info *e, const struct conn *c, const struct pipe *p)
{
	const struct parcel *q = p->work->queue.first;

	if (!q || (q->due <= conn_loop((struct conn *)c)->now && !p->work->timer.slot))
		return false;
	return held_by_holds(e, c, q->why,
	                     q->due == VN_NEVER   ? VN_NEVER :
	                     p->work->timer.slot ? p->work->timer.due :
	                                           q->due);
}

static void holder(struct conn_info *e, const struct conn *c)
{
	if (c->ruled->waits)
		held_by_holds(e, c, c->ruled->opening, c->ruled->waits);
	else if (c->ruled->vanished || c->ruled->stalled)
		held_by(e, c, c->ruled->vanished ? c->ruled->vanished : c->ruled->stalled,
		        VN_NEVER);
	else if (!held_by_queue(e, c, &c->request))
		held_by_queue(e, c, &c->response);
}

/* ---- the list ---- */

static void way(struct conn_info *e, unsigned i, const struct pipe *p)
{
	e->way[i].received = p->came;
	e->way[i].sent = p->sent;
	e->way[i].held = p->work->queue.bytes;
	e->way[i].ended = p->eof;
}

static void enter(struct conn_info *e, const struct conn *c, vn_nsec now)
{
	const struct exchange *x = c->exchanges.first;

	*e = (struct conn_info){ .number = c->number, .age = now - c->since,
	                         .idle = now > c->active ? now - c->active : 0,
	                         .asked = c->asked, .raw = c->raw_counted,
	                         .connecting = !c->backend.open && !c->ruled->waits };
	socket_peer(c->client.watch.fd, &e->client);
	socket_peer(c->backend.watch.fd, &e->backend);
	if (c->born) {
		e->destination = c->born->to;
		e->process = c->born->process;
	}
	way(e, 0, &c->request);
	way(e, 1, &c->response);
	if (x && !(c->request.raw && c->spoke)) {       /* an answered turn is not open */
		e->exchange = x->number;
		snprintf(e->verb, sizeof e->verb, "%s", x->asked.verb);
	} else if (c->turn_kind == ASKED && !c->spoke) {
		e->exchange = c->asked;
		snprintf(e->verb, sizeof e->verb, "DATA");
	}
	holder(e, c);
}

void conn_list_continue(struct conn_list *r, const struct shard *p, size_t n)
{
	uint64_t below = r->n ? r->of[r->n - 1].number : UINT64_MAX;
	size_t end = r->most - r->n < n ? r->most : r->n + n;
	vn_nsec now = loop_clock(&p->worker->loop);
	const struct conn *c = p->conns;

	for (const struct conn *each = r->n ? NULL : c; each; each = each->next)
		r->open++;
	while (c && c->number >= below)         /* the list is sorted, the newest first */
		c = c->next;
	r->of = xrealloc(r->of, end * sizeof *r->of);
	for (; c && r->n < end; c = c->next)
		enter(&r->of[r->n++], c, now);
	r->whole = !c || r->n == r->most;
}

void conn_list_free(struct conn_list *r)
{
	free(r->of);
	r->of = NULL;
}

/* ---- ending ---- */

size_t conn_list_close(struct shard *p, uint64_t number, enum vn_end how)
{
	size_t n = 0;

	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		if (number && c->number != number)
			continue;
		n++;
		if (how == VN_CLOSE)
			conn_run(c);            /* sends what is due */
		conn_end(c, how, CLOSE_REASON_API);
	}
	return n;
}
