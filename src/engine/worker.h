/* worker.h - a thread: a loop, its proxies, a buffer to read into. Workers share nothing but words. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "net/splice_pipe.h"
#include "base/loop.h"
#include "base/buffer.h"
#include "engine/pipe.h"
#include "engine/shard.h"
#include "net/resolve.h"
#include "base/text_cache.h"

struct worker {
	struct loop loop;
	pthread_t thread;
	unsigned index, count;
	struct worker *all;             /* `count` of them, this one among them */
	struct shard *shards; 
	struct resolver *resolver;
	uint64_t seed;
	int spare;                      /* a socket for the next client's backend, whichever proxy's; -1: not yet */
	bool stopping;                  /* no connection is taken any more */
	uint8_t *buffer;                /* REST_MAX bytes of room in front of `bufsize` */
	size_t bufsize;
	size_t bulk;                    /* a read of so much may be the beginning of a flood; 0: none is */
	bool reno;                      /* see congestion.h */
	struct splice_pipes splice_pipes;
	_Atomic size_t held;            /* bytes that wait in queues, and what their parcels cost: see shard_held_add */
	size_t hold_total;              /* where reading stops for it */
	struct vn_session talk;               /* for one call of a protocol ... */
	struct vn_buffer scratch;
	struct vn_text_cache texts;             /* ... of a connection that has none yet */
	struct work_pool work_pool;
	struct pool exchanges;
	struct drain *drains;     /* sockets that only wait for their peer's end */
};

struct worker_config { uint64_t seed; int64_t bufsize, hold_total, bulk; bool reno; };

void worker_init(struct worker *, struct worker *all, unsigned index, unsigned count, struct resolver *, const struct worker_config *);
void worker_end(struct worker *);       /* all connections are reset: each worker's, before any is freed */
void worker_free(struct worker *);      /* proxies and all */
void worker_start(struct worker *);     /* its thread runs its loop until ->loop.stop */

/* So much more is held of this proxy in this thread, or less. Only its own thread says so; others look. */
static inline void shard_held_add(struct shard *p, ptrdiff_t n)
{
	_Atomic size_t *all = &p->worker->held;

	atomic_store_explicit(all, atomic_load_explicit(all, memory_order_relaxed) + (size_t)n, memory_order_relaxed);
	count_add(&p->stats.held, (uint64_t)n);
}

#endif
