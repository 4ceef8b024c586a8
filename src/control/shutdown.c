/* shutdown.c - graceful shutdown of the workers: they send what is due, then their loops stop. */
#include "control/shutdown.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/datagrams.h"
#include "engine/listener.h"
#include "engine/shard.h"

#define GRACE (1 * VN_S)                /* limit for sending what is due */
#define CHECK (10 * VN_MS)              /* interval of checks whether all is sent */

/* Mail to one worker, which posts it back at its end. */
struct shutdown_notice {
	struct mail mail;
	struct shutdown *shutdown;
	struct worker *worker;
	struct timer timer;
	vn_nsec until;
};

/* In control's thread. */
static void notice_return(struct mail *m)
{
	struct shutdown_notice *notice = OWNER(shutdown_notice, mail, m);
	struct shutdown *s = notice->shutdown;

	if (!--s->running)
		s->workers->loop->stop = true;
	free(notice);
}

/* In the worker's thread, like all below. */
static void notice_check(struct timer *t)
{
	struct shutdown_notice *notice = OWNER(shutdown_notice, timer, t);
	struct worker *w = notice->worker;
	bool drained = true;

	for (struct shard *p = w->shards; p; p = p->next)
		drained &= shard_drain(p);
	if ((!drained || w->drains.first) && w->loop.now < notice->until) {
		timer_set(&w->loop, t, w->loop.now + CHECK);
		return;
	}
	w->loop.stop = true;
	notice->mail.open = notice_return;
	loop_post(notice->shutdown->workers->loop, &notice->mail);
}

static void notice_open(struct mail *m)
{
	struct shutdown_notice *notice = OWNER(shutdown_notice, mail, m);
	struct worker *w = notice->worker;

	w->stopping = true;
	for (struct shard *p = w->shards; p; p = p->next) {
		if (p->listener)
			listener_stop(p->listener);
		datagrams_end_all(p->datagrams, CLOSE_REASON_STOP);
		datagrams_stop(p->datagrams);
	}
	notice->timer.fire = notice_check;
	notice->until = w->loop.now + GRACE;
	timer_set(&w->loop, &notice->timer, w->loop.now);
}

void shutdown_start(struct shutdown *s, struct workers *workers)
{
	if (s->workers)
		return;
	*s = (struct shutdown){ workers, workers->n };
	for (unsigned k = 0; k < workers->n; k++) {
		struct shutdown_notice *notice = xcalloc(1, sizeof *notice);
		notice->mail.open = notice_open;
		notice->shutdown = s;
		notice->worker = &workers->all[k];
		loop_post(&workers->all[k].loop, &notice->mail);
	}
}
