/* connect.c - non-blocking connects to a backend: look-up, each address in turn, time-out. */
#include "net/connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/socket.h"

struct connect_attempt {
	struct loop *loop;
	struct lookup *lookup;          /* NULL: the address is numeric */
	struct watch *watch;            /* the caller's; its fd is the socket being connected */
	struct timer timer;             /* the time-out */
	unsigned tried;                 /* addresses tried */
	int spare;                      /* a socket for the first IPv4 address; -1: none */
	int error;                      /* errno of the last address tried */
	bool over;                      /* done or stopped */
	connect_done *done;
	void *whom;
	struct mail last;               /* frees it when the round ends and no caller uses it */
};

static void connect_attempt_free(struct mail *m)
{
	struct connect_attempt *d = OWNER(connect_attempt, last, m);

	free(d->lookup);
	pool_give(d);
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void connect_attempt_over(struct connect_attempt *d)
{
	/* A backend that has accepted meanwhile gets an RST: a FIN would be an empty stream. */
	if (d->watch->fd >= 0)
		socket_reset_on_close(d->watch->fd);
	d->over = true;
	timer_stop(d->loop, &d->timer);
	if (d->lookup)
		lookup_cancel(d->lookup);
	close_if_open(&d->watch->fd);
	close_if_open(&d->spare);
	d->last.open = connect_attempt_free;
	loop_defer(d->loop, &d->last);
}

static void connect_attempt_done(struct connect_attempt *d, const char *why)
{
	int fd = why ? -1 : d->watch->fd;

	if (!why)
		d->watch->fd = -1;      /* so that the socket is not closed below */
	connect_attempt_over(d);
	if (!why)
		d->watch->fd = fd;
	d->done(d->whom, fd, why);
}

/* Returns a socket for the next address: the spare one, if the family is IPv4. */
static int connect_attempt_socket(struct connect_attempt *d, int family)
{
	int fd = d->spare;

	d->spare = -1;
	if (fd >= 0 && family == AF_INET)
		return fd;
	close_if_open(&fd);
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A socket whose connect is under way, or done. True: it is watched. */
static bool connect_attempt_watch(struct connect_attempt *d, int fd, bool connected)
{
	d->watch->fd = fd;
	if (!loop_watch(d->loop, d->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)) {
		d->error = errno;
		close_if_open(&d->watch->fd);
		return false;
	}
	if (connected)
		connect_attempt_done(d, NULL);
	return true;
}

/* True: the connect is under way, or done. */
static bool connect_attempt_try(struct connect_attempt *d, const struct endpoint *e)
{
	int fd = connect_attempt_socket(d, e->addr.ss_family);

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
	return connect_attempt_watch(d, fd, connected);
}

/* Tries the remaining addresses until a connect is under way, or the attempt has failed. */
static void connect_attempt_next(struct connect_attempt *d)
{
	while (d->lookup && d->tried < d->lookup->n)
		if (connect_attempt_try(d, &d->lookup->found[d->tried++]))
			return;
	connect_attempt_done(d, strerror(d->error));
}

void connect_attempt_ready(struct connect_attempt *d, unsigned events)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (d->over)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		getsockopt(d->watch->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		d->error = error ? error : ECONNREFUSED;
		close_if_open(&d->watch->fd);
		connect_attempt_next(d);
	} else if (events & EPOLLOUT) {
		connect_attempt_done(d, NULL);
	}
}

static void connect_attempt_found(struct lookup *l)
{
	struct connect_attempt *d = l->whom;

	if (l->n)
		connect_attempt_next(d);
	else
		connect_attempt_done(d, l->error);
}

static void connect_attempt_look(struct connect_attempt *d, struct resolver *r,
                                 const struct address *to)
{
	d->lookup = xcalloc(1, sizeof *d->lookup);
	d->lookup->done = connect_attempt_found;
	d->lookup->whom = d;
	lookup_start(d->lookup, r, d->loop, to);
}

static void connect_attempt_fire(struct timer *t)
{
	connect_attempt_done(OWNER(connect_attempt, timer, t),
	                     "connecting takes longer than the time-out");
}

void connector_init(struct connector *k, struct loop *l, struct resolver *r)
{
	*k = (struct connector){ .loop = l, .resolver = r };
	pool_init(&k->attempts, sizeof(struct connect_attempt));
}

void connector_free(struct connector *k)
{
	pool_free(&k->attempts);
}

static struct connect_attempt *connect_attempt_make(struct connector *k, vn_nsec timeout,
                                                    int spare, struct watch *watch,
                                                    connect_done *done, void *whom)
{
	struct connect_attempt *d = pool_take(&k->attempts);

	*d = (struct connect_attempt){ .loop = k->loop,
		                       .spare = spare,
		                       .watch = watch,
		                       .done = done,
		                       .whom = whom,
		                       .error = ECONNREFUSED };
	watch->fd = -1;
	d->timer.fire = connect_attempt_fire;
	if (timeout)
		timer_set(k->loop, &d->timer, k->loop->now + timeout);
	return d;
}

struct connect_attempt *connect_attempt_start(struct connector *k, const struct address *to,
                                              vn_nsec timeout, int spare, struct watch *watch,
                                              connect_done *done, void *whom)
{
	struct connect_attempt *d = connect_attempt_make(k, timeout, spare, watch, done, whom);
	struct endpoint e;

	if (!address_numeric(to, false, &e))
		connect_attempt_look(d, k->resolver, to);
	else if (!connect_attempt_try(d, &e))
		connect_attempt_done(d, strerror(d->error));
	return d->over ? NULL : d;      /* `d` is valid until the end of the round */
}

struct connect_attempt *connect_attempt_to(struct connector *k, const struct endpoint *to,
                                           vn_nsec timeout, int fd, bool connected,
                                           struct watch *watch, connect_done *done, void *whom)
{
	struct connect_attempt *d = connect_attempt_make(k, timeout, -1, watch, done, whom);
	bool begun = fd >= 0 ? connect_attempt_watch(d, fd, connected) : connect_attempt_try(d, to);

	if (!begun)
		connect_attempt_done(d, strerror(d->error));
	return d->over ? NULL : d;
}

void connect_attempt_stop(struct connect_attempt *d)
{
	if (d && !d->over)
		connect_attempt_over(d);
}
