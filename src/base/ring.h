/* ring.h - bytes on their way to the control thread: whole pieces, in order, bounded; what does not
 * fit is counted. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	pthread_mutex_t lock;
	/* an eventfd, readable while something waits; -1: nobody takes anything */
	int wake;
	size_t room;                    /* bytes of a half */
	char *halves[2];                /* one fills while the other is read */
	int filling;
	size_t n;                       /* bytes in the half that fills */
	/* pieces for which there was no room, since the last take ... */
	uint64_t lost;
	uint64_t lost_ever;
};

#define RING_CLOSED { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = -1 }

struct load { const char *p; size_t n; uint64_t lost; };        /* what a take brings */

/* the eventfd; room is kept from the last time, if there was one; -1: errno says why there is none */
int  ring_open(struct ring *, size_t room);
void ring_close(struct ring *);                 /* takers take what is left, putters are refused */
/* from any thread; false: closed. Too full is no failure: it is counted */
bool ring_put(struct ring *, const void *piece, size_t n);
/* one taker: all that waits, valid until its next take */
struct load ring_take(struct ring *);
uint64_t ring_lost(struct ring *);              /* pieces, ever */

#endif
