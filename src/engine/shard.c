/* shard.c - one proxy in one worker: start, change, drain, stop. */
#include "engine/shard.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/address_map.h"
#include "engine/birth.h"
#include "engine/conn.h"
#include "engine/datagrams.h"
#include "engine/listener.h"
#include "engine/pipe.h"
#include "engine/recent.h"
#include "engine/rule_change.h"

void shard_make(struct shard **shards, struct worker *all, unsigned n, unsigned number)
{
	for (unsigned k = 0; k < n; k++) {
		shards[k] = xcalloc(1, sizeof **shards);
		shards[k]->worker = &all[k];
		shards[k]->number = number;
		shards[k]->siblings = shards;
	}
}

void shard_start(struct shard *p, struct spec *s)
{
	struct worker *w = p->worker;

	p->plan = plan_make(s, w->seed);
	p->junk = dice_make(w->seed, s->name, "junk");
	p->next = w->shards;
	p->link = &w->shards;
	if (p->next)
		p->next->link = &p->next;
	w->shards = p;
	address_map_forget(&w->address_map);
	birth_gate_set(p, false);
}

bool shard_is_open(const struct shard *p)
{
	return p->link && shard_spec(p)->enabled;
}

void shard_change(struct shard *p, struct spec *s)
{
	struct plan *old = p->plan;

	p->plan = plan_make(s, p->worker->seed);
	plan_inherit(p->plan, old);
	address_map_forget(&p->worker->address_map);
	loop_clock(&p->worker->loop);
	if (p->listener)
		listener_set_state(p->listener, plan_listen(p->plan, false));
	if (p->datagrams)
		datagrams_change(p->datagrams);
	birth_gate_set(p, false);
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		conn_change_rules(c, p->plan);
	}
	plan_unref(old);
}

bool shard_drain(struct shard *p)
{
	datagrams_end_all(p->datagrams, CLOSE_REASON_STOP);
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		c->request.ended = c->response.ended = true;
		conn_run(c);
		if (!pipe_due(&c->request) && !pipe_due(&c->response))
			conn_end(c, VN_CLOSE, CLOSE_REASON_STOP);
	}
	return !p->conns;
}

static void shard_end_all(struct shard *p, enum vn_end how, enum close_reason why)
{
	for (struct conn *c = p->conns, *next; c; c = next) {
		next = c->next;
		conn_end(c, how, why);
	}
}

void shard_close_all(struct shard *p)
{
	loop_clock(&p->worker->loop);
	shard_end_all(p, VN_CLOSE, CLOSE_REASON_SHUT);
	datagrams_end_all(p->datagrams, CLOSE_REASON_SHUT);
}

void shard_reset_all(struct shard *p)
{
	shard_end_all(p, VN_RESET, CLOSE_REASON_STOP);
	datagrams_end_all(p->datagrams, CLOSE_REASON_STOP);
	recent_stop(p);
}

void shard_stop(struct shard *p)
{
	if (p->listener)
		listener_stop(p->listener);
	datagrams_stop(p->datagrams);
	birth_gate_set(p, true);
	shard_close_all(p);
	recent_stop(p);
	address_map_forget(&p->worker->address_map);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->link = NULL;
}

void shard_free(struct shard *p)
{
	assert(!p->conns && !p->recent);
	datagrams_free(p->datagrams);
	listener_free(p->listener);
	plan_unref(p->plan);
	free(p);
}
