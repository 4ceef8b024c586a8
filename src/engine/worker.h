/* worker.h - worker thread: init, start, end, free.
 *
 * Control owns the workers, in one array. It calls these functions; the worker's loop runs in a
 * thread of its own between worker_start() and loop.stop. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "engine/engine.h"

struct worker_config {
	uint64_t seed;
	int64_t bufsize, hold_total, bulk;
	bool reno;
	struct unmapped *unmapped;      /* must stay */
	vn_nsec tls_timeout;            /* of a handshake; 0: none */
};

/* False: errno says why, and there is nothing to free. */
bool worker_init(struct worker *, struct worker *all, unsigned index, unsigned count,
                 struct resolver *, const struct worker_config *);
/* all connections are reset: each worker's, before any is freed */
void worker_end(struct worker *);
void worker_free(struct worker *);      /* with its shards */
/* its thread runs its loop until ->loop.stop; 0, or an errno: no thread */
int worker_start(struct worker *);

#endif
