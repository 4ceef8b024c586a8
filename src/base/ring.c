/* ring.c - bounded queue of byte records from any thread to one reader, the control thread.
 *
 * The lock is held for one copy at most, so a worker never waits long for it. */
#include "base/ring.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/memory.h"

int ring_open(struct ring *r, size_t room)
{
	pthread_mutex_lock(&r->lock);
	if (!r->room) {
		r->room = room;
		for (int i = 0; i < 2; i++) {
			r->halves[i] = xmalloc(room);
		}
	}
	if (r->wake < 0)
		r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int wake = r->wake;
	pthread_mutex_unlock(&r->lock);
	return wake;
}

void ring_close(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->wake >= 0)
		close(r->wake);
	r->wake = -1;
	pthread_mutex_unlock(&r->lock);
}

bool ring_put(struct ring *r, const void *piece, size_t n)
{
	pthread_mutex_lock(&r->lock);
	bool open = r->wake >= 0, first = !r->n && !r->lost, fits = r->n + n <= r->room;

	if (open && fits) {
		memcpy(r->halves[r->filling] + r->n, piece, n);
		r->n += n;
	} else if (open) {
		r->lost++;
		r->lost_ever++;
	}
	if (open && first && eventfd_write(r->wake, 1) < 0)
		assert(errno == EAGAIN);
	pthread_mutex_unlock(&r->lock);
	return open;
}

struct load ring_take(struct ring *r)
{
	eventfd_t ignored;

	pthread_mutex_lock(&r->lock);
	if (r->wake >= 0)
		eventfd_read(r->wake, &ignored);
	struct load load = { r->halves[r->filling], r->n, r->lost };
	r->filling = !r->filling;
	r->n = 0;
	r->lost = 0;
	pthread_mutex_unlock(&r->lock);
	return load;
}

uint64_t ring_lost(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	uint64_t lost = r->lost_ever;
	pthread_mutex_unlock(&r->lock);
	return lost;
}
