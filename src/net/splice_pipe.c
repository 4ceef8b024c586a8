/* splice_pipe.c - pipes of the kernel's, through which bulk goes without entering this process. */
#include "net/splice_pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"

enum {
	/* in all threads: a user may have 64 MiB of pipes before the kernel becomes mean */
	MOST = 48,
	SPARES = 8,
	/* in one of the usual 64 KiB splice is no cheaper than reading and writing */
	ROOM = 1 << 20,
	ROOM_LEAST = 1 << 18,
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

/* Several reads go into it before any of it is sent: the sender wakes us for less than it can
 * take. */
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

/* Never with SPLICE_F_MORE: what was read together would wait for more to come. */
ssize_t splice_pipe_flush(struct splice_pipes *all, struct splice_pipe *d, int fd)
{
	ssize_t n = splice(d->read, NULL, fd, NULL, d->n, SPLICE_F_NONBLOCK);

	if (n > 0) {
		d->n -= (size_t)n;
		all->moved += (size_t)n;
	}
	return n;
}
