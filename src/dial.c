/* dial.c - from a backend's name to a connected socket, without making anyone wait. */
#include "dial.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTER(field, p) ((struct dial *)((char *)(p) - offsetof(struct dial, field)))

static void dial_next(struct dial *);

static void dial_done(struct dial *d, int fd, const char *why)
{
	d->busy = false;
	timer_stop(d->loop, &d->timer);
	d->done(d, fd, why);
}

static void dial_close(struct dial *d)
{
	if (d->watch.fd >= 0)
		close(d->watch.fd);
	d->watch.fd = -1;
}

static void dial_ready(struct watch *w, unsigned events)
{
	struct dial *d = OUTER(watch, w);
	int error = 0, fd = w->fd;
	socklen_t len = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error || events & EPOLLERR) {
		d->error = error ? error : ECONNREFUSED;
		dial_close(d);
		dial_next(d);
		return;
	}
	if (!(events & EPOLLOUT))
		return;
	loop_unwatch(d->loop, w);
	w->fd = -1;
	dial_done(d, fd, NULL);
}

/* The next address, until one takes us or none is left. */
static void dial_next(struct dial *d)
{
	while (d->tried < d->look.n) {
		const struct endpoint *e = &d->look.found[d->tried++];
		int fd = socket(e->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			d->error = errno;
			break;
		}
		if (connect(fd, (const struct sockaddr *)&e->addr, e->len) == 0) {
			dial_done(d, fd, NULL);
			return;
		}
		if (errno == EINPROGRESS) {
			d->watch.fd = fd;
			loop_watch(d->loop, &d->watch, EPOLLOUT | EPOLLET);
			return;
		}
		d->error = errno;
		close(fd);
	}
	dial_done(d, -1, strerror(d->error));
}

static void dial_found(struct look *l)
{
	struct dial *d = OUTER(look, l);

	if (l->n)
		dial_next(d);
	else
		dial_done(d, -1, l->error);
}

static void dial_fire(struct timer *t)
{
	struct dial *d = OUTER(timer, t);

	dial_stop(d);
	d->done(d, -1, "connecting takes longer than the time-out");
}

void dial_start(struct dial *d, struct loop *l, struct resolver *r, const struct address *to, nsec timeout)
{
	void (*done)(struct dial *, int, const char *) = d->done;

	*d = (struct dial){ .loop = l, .busy = true, .done = done, .error = ECONNREFUSED };
	d->watch = (struct watch){ -1, dial_ready };
	d->timer.fire = dial_fire;
	d->look.done = dial_found;
	if (timeout)
		timer_set(l, &d->timer, l->now + timeout);
	look_start(&d->look, r, l, to);
}

void dial_stop(struct dial *d)
{
	if (!d->busy)
		return;
	d->busy = false;
	timer_stop(d->loop, &d->timer);
	look_drop(&d->look);
	dial_close(d);
}
