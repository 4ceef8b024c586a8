/* broadcast.h - something is done or asked in every worker: a letter to each, which comes back. */
#ifndef CONTROL_BROADCAST_H
#define CONTROL_BROADCAST_H

#include "engine/worker.h"

struct workers {                         /* whom letters go to, and whence */
	struct loop *loop;              /* control's */
	struct worker *all;    
	unsigned n;
	bool alone;                     /* no worker's thread runs, yet or any more: letters are opened at once */
};

struct broadcast {
	void (*ask)(struct broadcast *, struct worker *);   /* in each worker's thread, in several at a time; the one that accepts hears last */
	void (*done)(struct broadcast *);                   /* in control's, when all have: who began it frees it */
};

void broadcast_start(struct workers *, struct broadcast *);

#endif
