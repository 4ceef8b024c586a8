/* broadcast.h - calls of a function in every worker, and of another in control afterwards.
 *
 * The caller owns the struct broadcast, from broadcast_start() until `done` is called: usually
 * as the first member of a struct of its own, which `done` frees. Control thread only. */
#ifndef CONTROL_BROADCAST_H
#define CONTROL_BROADCAST_H

#include "engine/worker.h"

struct workers {
	struct loop *loop;              /* control's */
	struct worker *all;
	unsigned n;
	bool alone;                     /* no worker's thread runs: control calls `ask` */
};

struct broadcast {
	/* Runs in each worker's thread, in several at a time. Worker 0, which accepts, is last. */
	void (*ask)(struct broadcast *, struct worker *);
	/* Runs in control's thread when all workers have run `ask`. May free the broadcast. */
	void (*done)(struct broadcast *);
};

/* Returns before `done` is called. */
void broadcast_start(struct workers *, struct broadcast *);

#endif
