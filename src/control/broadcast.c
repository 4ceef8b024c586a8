/* broadcast.c - one function run in every worker, and one in control when all have run it. */
#include "control/broadcast.h"

#include <stdlib.h>

#include "base/memory.h"

struct call {                           /* mail to one worker, which posts it back when run */
	struct mail mail;
	struct calls *calls;
	struct worker *worker;
};

struct calls {                          /* of one broadcast; freed when the last one is back */
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

/* Worker 0 accepts clients and deals them out. It comes last: the others know of a proxy by
 * then. */
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
