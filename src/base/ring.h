/* ring.h - bounded queue of byte records from any thread to one reader, the control thread.
 *
 *   halves[filling]: [ record | record | free ]  writers      the other half: the reader's
 *
 * Records are kept whole and in order. A record that does not fit is dropped and counted. Rings
 * are static; their memory is allocated at the first ring_open() and never freed. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	pthread_mutex_t lock;
	int wake;                       /* eventfd, readable while records wait; -1: closed */
	size_t room;                    /* bytes of a half */
	char *halves[2];                /* one is filled while the other is read */
	int filling;                    /* 0 or 1 */
	size_t n;                       /* bytes in the half that is being filled */
	uint64_t lost;                  /* records dropped since the last take */
	uint64_t lost_ever;             /* records dropped since the start */
};

#define RING_CLOSED { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = -1 }

/* The records of one take, and how many were dropped before it. */
struct load { const char *p; size_t n; uint64_t lost; };

/* the eventfd; room is kept from the last time, if there was one; -1: errno says why there is
 * none */
int  ring_open(struct ring *, size_t room);
void ring_close(struct ring *);                 /* takers take what is left, putters are refused */
/* from any thread; false: closed. Too full is no failure: it is counted */
bool ring_put(struct ring *, const void *piece, size_t n);

/* The reader: all records that wait, valid until its next take. */
struct load ring_take(struct ring *);

/* The number of records dropped since the start. Any thread. */
uint64_t ring_lost(struct ring *);

#endif
