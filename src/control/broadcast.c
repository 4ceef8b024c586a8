/* broadcast.c - something is done or asked in every worker: a letter to each, which comes back. */
#include "control/broadcast.h"

#include <assert.h>
#include <stdlib.h>

struct circular {                       /* a round under way */
	struct rounds *rounds;
	struct round *round;
	unsigned missing;               /* answers */
	struct letter { struct mail mail; struct circular *circular; struct worker *worker; } letters[];
};

static void letter_back(struct mail *m)
{
	struct circular *a = ((struct letter *)m)->circular;
	struct round *round = a->round;

	if (--a->missing)
		return;
	free(a);
	round->told(round);
}

static void letter_open(struct mail *m)
{
	struct letter *l = (struct letter *)m;

	l->circular->round->ask(l->circular->round, l->worker);
	m->open = letter_back;
	loop_post(l->circular->rounds->loop, m);
}

/* Worker 0 comes last: what it accepts and deals to others finds them informed. */
void round_begin(struct rounds *rounds, struct round *round)
{
	struct circular *a = calloc(1, sizeof *a + rounds->n * sizeof *a->letters);

	assert(a);
	*a = (struct circular){ rounds, round, rounds->n };
	for (unsigned k = rounds->n; k-- > 0;) {
		struct letter *l = &a->letters[k];
		*l = (struct letter){ { .open = letter_open }, a, &rounds->workers[k] };
		if (rounds->alone)
			letter_open(&l->mail);
		else
			loop_post(&l->worker->loop, &l->mail);
	}
}
