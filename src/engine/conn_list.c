/* conn_list.c - list of a worker's live connections, for the API; ending them through the API. */
#include "engine/conn_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "engine/holder.h"
#include "net/socket.h"

/* ---- the list ---- */

static void way(struct conn_info *e, unsigned i, const struct pipe *p)
{
	e->way[i].received = p->came;
	e->way[i].sent = p->sent;
	e->way[i].held = p->work->queue.bytes;
	e->way[i].ended = p->eof;
}

static struct tls_about *about_tls(const struct side *s)
{
	struct tls_about *a = s->tls ? xmalloc(sizeof *a) : NULL;

	if (a)
		tls_link_about(s->tls, a);
	return a;
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
	e->tls[0] = about_tls(&c->client);
	e->tls[1] = about_tls(&c->backend);
	way(e, 0, &c->request);
	way(e, 1, &c->response);
	if (x && !(c->request.raw && c->spoke)) {       /* an answered turn is not open */
		e->exchange = x->number;
		snprintf(e->verb, sizeof e->verb, "%s", x->asked.verb);
	} else if (c->turn_kind == ASKED && !c->spoke) {
		e->exchange = c->asked;
		snprintf(e->verb, sizeof e->verb, "DATA");
	}
	const struct rule_spec *holder = conn_holder(c, &e->left);
	if (holder)
		snprintf(e->rule, sizeof e->rule, "%s", holder->name);
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
	for (size_t i = 0; i < r->n; i++) {
		free(r->of[i].tls[0]);
		free(r->of[i].tls[1]);
	}
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
