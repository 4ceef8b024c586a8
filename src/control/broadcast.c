/* broadcast.c - calls of a function in every worker, and of another in control afterwards. */
#include "control/broadcast.h"

#include <stdlib.h>

#include "base/memory.h"

/* Mail to one worker, which posts it back afterwards. */
struct call {
	struct mail mail;
	struct calls *calls;
	struct worker *worker;
};

/* The calls of one broadcast. Freed when the last one is back. */
struct calls {
	struct workers *workers;
	struct broadcast *broadcast;
	unsigned missing;
	struct call each[];
};

/* In control's thread. */
static void call_return(struct mail *m)
{
	struct calls *calls = OWNER(call, mail, m)->calls;
	struct broadcast *broadcast = calls->broadcast;

	if (--calls->missing)
		return;
	free(calls);
	broadcast->done(broadcast);
}

/* In the worker's thread. */
static void call_run(struct mail *m)
{
	struct call *c = OWNER(call, mail, m);

	c->calls->broadcast->ask(c->calls->broadcast, c->worker);
	m->open = call_return;
	loop_post(c->calls->workers->loop, m);
}

/* Worker 0 accepts clients and deals them out. Its mail is posted last, so that the others learn of
 * a proxy before they get clients of it. */
void broadcast_start(struct workers *workers, struct broadcast *broadcast)
{
	struct calls *calls = xcalloc(1, sizeof *calls + workers->n * sizeof *calls->each);

	*calls = (struct calls){ workers, broadcast, workers->n };
	for (unsigned k = workers->n; k-- > 0;) {
		struct call *c = &calls->each[k];
		*c = (struct call){ { .open = call_run }, calls, &workers->all[k] };
		if (workers->alone)
			call_run(&c->mail);
		else
			loop_post(&c->worker->loop, &c->mail);
	}
}
