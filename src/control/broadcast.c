/* broadcast.c - something is done or asked in every worker: a letter to each, which comes back. */
#include "control/broadcast.h"

#include <stdlib.h>

#include "base/memory.h"

struct circular {                       /* a round under way */
	struct workers *workers;
	struct broadcast *broadcast;
	unsigned missing;               /* answers */
	struct letter { struct mail mail; struct circular *circular; struct worker *worker; } letters[];
};

static void letter_back(struct mail *m)
{
	struct circular *a = ((struct letter *)m)->circular;
	struct broadcast *broadcast = a->broadcast;

	if (--a->missing)
		return;
	free(a);
	broadcast->done(broadcast);
}

static void letter_open(struct mail *m)
{
	struct letter *l = (struct letter *)m;

	l->circular->broadcast->ask(l->circular->broadcast, l->worker);
	m->open = letter_back;
	loop_post(l->circular->workers->loop, m);
}

/* Worker 0 comes last: what it accepts and deals to others finds them informed. */
void broadcast_start(struct workers *workers, struct broadcast *broadcast)
{
	struct circular *a = xcalloc(1, sizeof *a + workers->n * sizeof *a->letters);
	*a = (struct circular){ workers, broadcast, workers->n };
	for (unsigned k = workers->n; k-- > 0;) {
		struct letter *l = &a->letters[k];
		*l = (struct letter){ { .open = letter_open }, a, &workers->all[k] };
		if (workers->alone)
			letter_open(&l->mail);
		else
			loop_post(&l->worker->loop, &l->mail);
	}
}
