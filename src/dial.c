/* dial.c - from a backend's name to a connected socket, without making anyone wait. */
#include "dial.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dial {
	struct loop *loop;
	struct look look;               /* the name */
	struct watch watch;             /* the socket under way */
	struct timer timer;
	unsigned tried;                 /* of the addresses */
	int spare;
	int error;                      /* of the last one tried: an errno */
	bool over;
	void (*done)(void *whom, int fd, const char *why);
	void *whom;
	struct mail last;               /* freed at the end of the round: its watch may be in this one's events */
};

static void dial_free(struct mail *m)
{
	free(OWNER(dial, last, m));
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void dial_over(struct dial *d)
{
	if (d->watch.fd >= 0)   /* who was reached meanwhile shall not take it for a client that said all */
		setsockopt(d->watch.fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	d->over = true;
	timer_stop(d->loop, &d->timer);
	look_drop(&d->look);
	close_if_open(&d->watch.fd);
	close_if_open(&d->spare);
	d->last.open = dial_free;
	loop_later(d->loop, &d->last);
}

static void dial_done(struct dial *d, int fd, const char *why)
{
	dial_over(d);
	d->done(d->whom, fd, why);
}

/* The next address, until one takes us or none is left. */
static void dial_next(struct dial *d)
{
	while (d->tried < d->look.n) {
		const struct endpoint *e = &d->look.found[d->tried++];
		close_if_open(&d->spare);
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

static void dial_ready(struct watch *w, unsigned events)
{
	struct dial *d = OWNER(dial, watch, w);
	int error = 0, fd = w->fd;
	socklen_t len = sizeof error;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error || events & EPOLLERR) {
		d->error = error ? error : ECONNREFUSED;
		close_if_open(&w->fd);
		dial_next(d);
	} else if (events & EPOLLOUT) {
		loop_unwatch(d->loop, w);
		w->fd = -1;
		dial_done(d, fd, NULL);
	}
}

static void dial_found(struct look *l)
{
	struct dial *d = OWNER(dial, look, l);

	if (l->n)
		dial_next(d);
	else
		dial_done(d, -1, l->error);
}

static void dial_fire(struct timer *t)
{
	dial_done(OWNER(dial, timer, t), -1, "connecting takes longer than the time-out");
}

struct dial *dial_start(struct loop *l, struct resolver *r, const struct address *to, nsec timeout, int spare,
                        void (*done)(void *whom, int fd, const char *why), void *whom)
{
	struct dial *d = calloc(1, sizeof *d);

	assert(d);
	*d = (struct dial){ .loop = l, .spare = spare, .done = done, .whom = whom, .error = ECONNREFUSED };
	d->watch = (struct watch){ -1, dial_ready };
	d->timer.fire = dial_fire;
	d->look.done = dial_found;
	if (timeout)
		timer_set(l, &d->timer, l->now + timeout);
	look_start(&d->look, r, l, to);
	return d->over ? NULL : d;      /* it is freed no sooner than at the end of the round */
}

void dial_stop(struct dial *d)
{
	if (d && !d->over)
		dial_over(d);
}
