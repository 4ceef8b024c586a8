/* proxy.c - one proxy in one worker: its plan, its connections. */
#include "proxy.h"

#include <assert.h>
#include <stdlib.h>

#include "conn.h"
#include "judge.h"
#include "listener.h"
#include "worker.h"

struct proxy *proxy_add(struct worker *w, unsigned number, struct spec *s)
{
	struct proxy *p = calloc(1, sizeof *p);

	assert(p);
	*p = (struct proxy){ .worker = w, .next = w->proxies, .number = number, .plan = plan_make(s, w->seed),
	                     .junk = dice_make(w->seed, s->name, "junk") };
	w->proxies = p;
	return p;
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
			conn_end(c, CLOSE, WHY_STOP);
	}
	return !p->conns;
}

void proxy_end(struct proxy *p)
{
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		conn_end(c, RESET, WHY_STOP);
	}
}

void proxy_free(struct proxy *p)
{
	assert(!p->conns);
	if (p->listener)
		listener_stop(p->listener);
	plan_drop(p->plan);
	free(p);
}

/* ---- whose place is free again: worker 0 counts ---- */

struct departure {
	struct mail mail;
	struct worker *worker;
	unsigned proxy;
};

static void departed(struct mail *m)
{
	struct departure *d = (struct departure *)m;
	struct proxy *p = worker_proxy(d->worker, d->proxy);

	if (p && p->listener)
		listener_left(p->listener);
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
	*d = (struct departure){ .mail.open = departed, .worker = &p->worker->all[0], .proxy = p->number };
	loop_post(&p->worker->all[0].loop, &d->mail);
}
