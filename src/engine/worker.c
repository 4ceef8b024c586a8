/* worker.c - worker thread: init, start, end, free. */
#include "engine/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/address_map.h"
#include "engine/pipe.h"
#include "engine/shard.h"
#include "tls/link.h"

/* Mail waits for the end of a round, in which each ready connection has a turn. TLS and rules make
 * the same bytes ten times as slow, so it is a time. */
static const vn_nsec TURN = 500 * VN_US;

bool worker_init(struct worker *w, struct worker *all, unsigned index, unsigned count,
                 struct resolver *r, const struct worker_config *config)
{
	*w = (struct worker){ .index = index, .count = count, .all = all, .seed = config->seed,
	                      .bufsize = (size_t)config->bufsize,
	                      .hold_total = (size_t)config->hold_total / count,
	                      .bulk = (size_t)config->bulk, .reno = config->reno,
	                      .tls_timeout = config->tls_timeout, .turn = TURN, .spare = -1 };
	if (!loop_init(&w->loop))
		return false;
	connector_init(&w->connector, &w->loop, r);
	splice_pipes_init(&w->splice_pipes, count);
	pool_init(&w->exchanges, sizeof(struct exchange));
	text_cache_init(&w->texts, TEXT_CACHE_ROOM);
	address_map_init(&w->address_map, config->unmapped);
	w->wire = tls_wire_create(w->bufsize);
	w->buffer = xmalloc(UNPARSED_MAX + w->bufsize + TLS_SLACK);
	w->drains = (struct drains){ .loop = &w->loop, .buffer = w->buffer, .size = w->bufsize };
	return true;
}

void worker_end(struct worker *w)
{
	for (struct shard *p = w->shards; p; p = p->next)
		shard_reset_all(p);
}

void worker_free(struct worker *w)
{
	drains_close(&w->drains);
	if (w->spare >= 0)
		close(w->spare);
	loop_free(&w->loop);
	connector_free(&w->connector);
	for (struct shard *p = w->shards, *next; p; p = next) {
		next = p->next;
		shard_free(p);
	}
	tls_wire_destroy(w->wire);
	buffer_free(&w->gather);
	splice_pipes_trim(&w->splice_pipes);
	work_pool_free(&w->work_pool);
	pool_free(&w->exchanges);
	text_cache_free(&w->texts);
	address_map_free(&w->address_map);
	buffer_free(&w->scratch);
	free(w->buffer);
	free(w->inbox);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	char name[16];

	snprintf(name, sizeof name, "worker %u", w->index);
	pthread_setname_np(pthread_self(), name);
	loop_run(&w->loop);
	return NULL;
}

int worker_start(struct worker *w)
{
	return pthread_create(&w->thread, NULL, worker_main, w);
}
