/* conn_list.c - list of a worker's live connections, for the API; ending them through the API. */
#include "engine/conn_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "engine/datagram_flow.h"
#include "engine/datagram_rules.h"
#include "engine/datagram_wait.h"
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

/* Those of a proxy on udp://. */
static void enter_flow(struct conn_info *e, const struct flow *f, vn_nsec now)
{
	const struct exchange *x = f->exchanges.first;

	*e = (struct conn_info){ .number = f->number, .client = flow_client(f),
	                         .age = now - f->since,
	                         .idle = now > f->active ? now - f->active : 0,
	                         .asked = f->asked, .connecting = f->watch.fd < 0 };
	socket_peer(f->watch.fd, &e->backend);
	for (unsigned i = 0; i < 2; i++) {
		e->way[i].received = f->way[i].came;
		e->way[i].sent = f->way[i].sent;
		e->way[i].held = f->way[i].held;
	}
	if (x) {
		e->exchange = x->number;
		snprintf(e->verb, sizeof e->verb, "%s", x->asked.verb);
	}
	const struct rule_spec *holder = waiting_holder(f, &e->left);
	if (holder)
		snprintf(e->rule, sizeof e->rule, "%s", holder->name);
}

/* Both lists are sorted, the newest first. */
void conn_list_continue(struct conn_list *r, const struct shard *p, size_t n)
{
	uint64_t below = r->n ? r->of[r->n - 1].number : UINT64_MAX;
	size_t end = r->most - r->n < n ? r->most : r->n + n;
	vn_nsec now = loop_clock(&p->worker->loop);
	const struct conn *c = p->conns;
	const struct flow *f = p->flows;

	for (const struct conn *each = r->n ? NULL : c; each; each = each->next)
		r->open++;
	for (const struct flow *each = r->n ? NULL : f; each; each = each->next)
		r->open++;
	while (c && c->number >= below)
		c = c->next;
	while (f && f->number >= below)
		f = f->next;
	r->of = xrealloc(r->of, end * sizeof *r->of);
	while ((c || f) && r->n < end) {
		if (c && (!f || c->number > f->number)) {
			enter(&r->of[r->n++], c, now);
			c = c->next;
		} else {
			enter_flow(&r->of[r->n++], f, now);
			f = f->next;
		}
	}
	r->whole = (!c && !f) || r->n == r->most;
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
	for (struct flow *f = p->flows, *next; f; f = next) {
		next = f->next;
		if (number && f->number != number)
			continue;
		n++;
		flow_end(f, CLOSE_REASON_API);
	}
	return n;
}
