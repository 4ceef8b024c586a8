/* worker.h - a thread: made, started, ended, freed. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "engine/engine.h"

struct worker_config { uint64_t seed; int64_t bufsize, hold_total, bulk; bool reno; };

void worker_init(struct worker *, struct worker *all, unsigned index, unsigned count, struct resolver *, const struct worker_config *);
void worker_end(struct worker *);       /* all connections are reset: each worker's, before any is freed */
void worker_free(struct worker *);      /* with its shards */
void worker_start(struct worker *);     /* its thread runs its loop until ->loop.stop */

#endif
