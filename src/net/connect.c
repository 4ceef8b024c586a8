/* connect.c - from a backend's name to a connected socket, without making anyone wait. */
#include "net/connect.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dial {
	struct loop *loop;
	struct look *look;              /* the name; NULL: a number */
	struct watch *watch;            /* the socket under way */
	struct timer timer;
	unsigned tried;                 /* of the addresses */
	int spare;
	int error;                      /* of the last one tried: an errno */
	bool over;
	void (*done)(void *whom, int fd, const char *why);
	void *whom;
	struct mail last;               /* freed at the end of the round: who stops it may still look at it */
};

static void dial_free(struct mail *m)
{
	struct dial *d = OWNER(dial, last, m);

	free(d->look);
	pool_give(d);
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void dial_over(struct dial *d)
{
	if (d->watch->fd >= 0)  /* who was reached meanwhile shall not take it for a client that said all */
		setsockopt(d->watch->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	d->over = true;
	timer_stop(d->loop, &d->timer);
	if (d->look)
		look_drop(d->look);
	close_if_open(&d->watch->fd);
	close_if_open(&d->spare);
	d->last.open = dial_free;
	loop_later(d->loop, &d->last);
}

static void dial_done(struct dial *d, const char *why)
{
	int fd = why ? -1 : d->watch->fd;

	if (!why)
		d->watch->fd = -1;      /* it is not ours any more */
	dial_over(d);
	if (!why)
		d->watch->fd = fd;
	d->done(d->whom, fd, why);
}

/* A socket for the next address: the spare, if it is of that kind. */
static int dial_socket(struct dial *d, int family)
{
	int fd = d->spare;

	d->spare = -1;
	if (fd >= 0 && family == AF_INET)
		return fd;
	close_if_open(&fd);
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* True: it is under way, or done. */
static bool dial_try(struct dial *d, const struct endpoint *e)
{
	int fd = dial_socket(d, e->addr.ss_family);

	if (fd < 0) {
		d->error = errno;
		return false;
	}
	bool connected = connect(fd, (const struct sockaddr *)&e->addr, e->len) == 0;
	if (!connected && errno != EINPROGRESS) {
		d->error = errno;
		close(fd);
		return false;
	}
	d->watch->fd = fd;
	loop_watch(d->loop, d->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (connected)
		dial_done(d, NULL);
	return true;
}

/* The next address, until one takes us or none is left. */
static void dial_next(struct dial *d)
{
	while (d->look && d->tried < d->look->n)
		if (dial_try(d, &d->look->found[d->tried++]))
			return;
	dial_done(d, strerror(d->error));
}

void dial_ready(struct dial *d, unsigned events)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (d->over)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		getsockopt(d->watch->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		d->error = error ? error : ECONNREFUSED;
		close_if_open(&d->watch->fd);
		dial_next(d);
	} else if (events & EPOLLOUT) {
		dial_done(d, NULL);
	}
}

static void dial_found(struct look *l)
{
	struct dial *d = l->whom;

	if (l->n)
		dial_next(d);
	else
		dial_done(d, l->error);
}

static void dial_look(struct dial *d, struct resolver *r, const struct address *to)
{
	d->look = calloc(1, sizeof *d->look);
	assert(d->look);
	d->look->done = dial_found;
	d->look->whom = d;
	look_start(d->look, r, d->loop, to);
}

static void dial_fire(struct timer *t)
{
	dial_done(OWNER(dial, timer, t), "connecting takes longer than the time-out");
}

void socket_lively(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);       /* a unix socket has none of it */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

void socket_probe(int fd, vn_nsec every)
{
	int seconds = every > 3600 * VN_S ? 3600 : (int)((every + VN_S - 1) / VN_S);

	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
}

struct dial *dial_start(struct loop *l, struct resolver *r, const struct address *to, vn_nsec timeout, int spare, struct watch *watch,
                        void (*done)(void *whom, int fd, const char *why), void *whom)
{
	if (!l->dials.size)
		pool_init(&l->dials, sizeof(struct dial));
	struct dial *d = pool_take(&l->dials);
	struct endpoint e;

	*d = (struct dial){ .loop = l, .spare = spare, .watch = watch, .done = done, .whom = whom, .error = ECONNREFUSED };
	watch->fd = -1;
	d->timer.fire = dial_fire;
	if (timeout)
		timer_set(l, &d->timer, l->now + timeout);
	if (!address_numeric(to, false, &e))
		dial_look(d, r, to);
	else if (!dial_try(d, &e))
		dial_done(d, strerror(d->error));
	return d->over ? NULL : d;      /* it is freed no sooner than at the end of the round */
}

void dial_stop(struct dial *d)
{
	if (d && !d->over)
		dial_over(d);
}
