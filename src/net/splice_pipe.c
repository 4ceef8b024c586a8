/* splice_pipe.c - kernel pipes that move bulk between two sockets without copying it. */
#include "net/splice_pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

enum {
	MOST = 48,                      /* in all threads: the kernel grants 64 MiB per user */
	SPARES = 8,                     /* empty ones that a worker keeps */
	ROOM = 1 << 20,                 /* bytes; at 64 KiB splice costs as much as reading */
	ROOM_LEAST = 1 << 18,           /* bytes; less than this is not worth it */
};

void splice_pipes_init(struct splice_pipes *all, unsigned threads)
{
	*all = (struct splice_pipes){ .most = threads < MOST ? MOST / threads : 1 };
}

static void splice_pipe_free(struct splice_pipes *all, struct splice_pipe *d)
{
	close(d->read);
	close(d->write);
	free(d);
	all->made--;
}

void splice_pipes_trim(struct splice_pipes *all)
{
	for (struct splice_pipe *d; (d = all->spare); all->spares--) {
		all->spare = d->next;
		splice_pipe_free(all, d);
	}
}

static struct splice_pipe *splice_pipe_make(struct splice_pipes *all)
{
	struct splice_pipe *d;
	int fd[2], room;

	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC))
		return NULL;
	d = xmalloc(sizeof *d);
	*d = (struct splice_pipe){ .read = fd[0], .write = fd[1] };
	all->made++;
	room = fcntl(d->write, F_SETPIPE_SZ, ROOM);
	if (room < 0)
		room = fcntl(d->write, F_SETPIPE_SZ, ROOM_LEAST);
	if (room < ROOM_LEAST) {
		splice_pipe_free(all, d);
		return NULL;
	}
	d->room = (size_t)room;
	return d;
}

struct splice_pipe *splice_pipe_take(struct splice_pipes *all, vn_nsec now)
{
	struct splice_pipe *d = all->spare;

	if (d) {
		all->spare = d->next;
		all->spares--;
		return d;
	}
	if (all->made >= all->most || now < all->again)
		return NULL;
	d = splice_pipe_make(all);
	if (!d)
		all->again = now + VN_S;
	return d;
}

void splice_pipe_give(struct splice_pipes *all, struct splice_pipe *d)
{
	if (d->n || all->spares >= SPARES) {
		splice_pipe_free(all, d);
		return;
	}
	d->next = all->spare;
	all->spare = d;
	all->spares++;
}

/* Reads several times before anything is sent: the kernel reports a readable socket long before
 * all bytes of a burst have arrived. */
ssize_t splice_pipe_fill(struct splice_pipe *d, int fd, size_t most)
{
	size_t before = d->n;
	ssize_t n = 0;

	if (most > d->room)
		most = d->room;
	while (d->n < most &&
	       (n = splice(fd, NULL, d->write, NULL, most - d->n, SPLICE_F_NONBLOCK)) > 0)
		d->n += (size_t)n;
	return d->n > before ? (ssize_t)(d->n - before) : n;
}

/* Without SPLICE_F_MORE: with it, the kernel holds bytes back until more are sent. */
ssize_t splice_pipe_flush(struct splice_pipes *all, struct splice_pipe *d, int fd)
{
	ssize_t n = splice(d->read, NULL, fd, NULL, d->n, SPLICE_F_NONBLOCK);

	if (n > 0) {
		d->n -= (size_t)n;
		all->moved += (size_t)n;
	}
	return n;
}
