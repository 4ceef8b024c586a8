/* shard.c - one proxy in one worker: its plan, its connections. */
#include "engine/shard.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/conn.h"
#include "engine/conn_rules.h"
#include "engine/listener.h"
#include "engine/worker.h"

void proxy_make(struct proxy **parts, struct worker *all, unsigned n, unsigned number)
{
	for (unsigned k = 0; k < n; k++) {
		parts[k] = calloc(1, sizeof **parts);
		assert(parts[k]);
		parts[k]->worker = &all[k];
		parts[k]->number = number;
		parts[k]->parts = parts;
	}
}

void proxy_begin(struct proxy *p, struct spec *s)
{
	struct worker *w = p->worker;

	p->plan = plan_make(s, w->seed);
	p->junk = dice_make(w->seed, s->name, "junk");
	p->next = w->proxies;
	p->link = &w->proxies;
	if (p->next)
		p->next->link = &p->next;
	w->proxies = p;
}

bool proxy_open(const struct proxy *p)
{
	return p->link && proxy_spec(p)->enabled;
}

void proxy_change(struct proxy *p, struct spec *s)
{
	struct plan *old = p->plan;

	p->plan = plan_make(s, p->worker->seed);
	loop_clock(&p->worker->loop);
	if (p->listener)
		listener_obey(p->listener, plan_listen(p->plan));
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		judge_change(c, p->plan);
	}
	plan_drop(old);
}

bool proxy_finish(struct proxy *p)
{
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		c->request.ended = c->response.ended = true;
		conn_run(c);
		if (!pipe_due(&c->request) && !pipe_due(&c->response))
			conn_end(c, VN_CLOSE, WHY_STOP);
	}
	return !p->conns;
}

static void proxy_end_all(struct proxy *p, enum vn_end how, enum why why)
{
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		conn_end(c, how, why);
	}
}

void proxy_empty(struct proxy *p)
{
	loop_clock(&p->worker->loop);
	proxy_end_all(p, VN_CLOSE, WHY_SHUT);
}

void proxy_end(struct proxy *p)
{
	proxy_end_all(p, VN_RESET, WHY_STOP);
}

void proxy_leave(struct proxy *p)
{
	if (p->listener)
		listener_stop(p->listener);
	proxy_empty(p);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->link = NULL;
}

void proxy_free(struct proxy *p)
{
	assert(!p->conns);
	listener_free(p->listener);
	plan_drop(p->plan);
	free(p);
}

/* ---- whose place is free again: worker 0 counts ---- */

struct departure {
	struct mail mail;
	struct proxy *proxy;            /* in worker 0 */
};

static void departed(struct mail *m)
{
	struct departure *d = (struct departure *)m;

	if (d->proxy->listener)
		listener_left(d->proxy->listener);
	free(d);
}

void proxy_left(struct proxy *p)
{
	if (p->worker->index == 0) {
		if (p->listener)
			listener_left(p->listener);
		return;
	}
	struct departure *d = malloc(sizeof *d);
	assert(d);
	*d = (struct departure){ .mail.open = departed, .proxy = p->parts[0] };
	loop_post(&p->parts[0]->worker->loop, &d->mail);
}
