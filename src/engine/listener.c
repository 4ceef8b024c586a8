/* listener.c - binding, accepting, numbering, dealing: one listener per proxy, in worker 0. */
#include "engine/listener.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "base/log.h"
#include "net/blackhole.h"
#include "engine/worker.h"

enum {
	AT_ONCE = 32,                   /* accepted in one go, for fairness */
	RESERVE = 16,                   /* descriptors that no client gets */
};

#define RETRY (100 * VN_MS)

/* ---- binding: the control thread ---- */

static bool unix_abandoned(const struct endpoint *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)&e->addr, e->len) != 0 && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return refused;
}

bool listener_find(const struct address *a, struct endpoint *e, char *error, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	char service[16];

	if (address_numeric(a, true, e))
		return true;
	snprintf(service, sizeof service, "%d", a->port);
	int rc = getaddrinfo(a->host, service, &hints, &list);
	if (rc) {
		snprintf(error, size, "cannot listen on '%s': %s", a->text, gai_strerror(rc));
		return false;
	}
	memset(e, 0, sizeof *e);
	memcpy(&e->addr, list->ai_addr, list->ai_addrlen);
	e->len = list->ai_addrlen;
	freeaddrinfo(list);
	return true;
}

static int socket_bind(const struct endpoint *e)
{
	int on = 1, fd = socket(e->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&e->addr, e->len) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

/* A socket that the kernel chose the port of loses it when it does not listen for a while. So it is asked for by name. */
static int socket_bind_any(const struct endpoint *e)
{
	struct endpoint named = *e;
	socklen_t len = sizeof named.addr;
	int scout = socket_bind(e);

	if (scout < 0 || endpoint_port(e) || e->addr.ss_family == AF_UNIX)
		return scout;
	getsockname(scout, (struct sockaddr *)&named.addr, &len);
	int fd = socket_bind(&named);
	close(scout);
	return fd;
}

int listener_bind_at(const struct endpoint *e, int64_t backlog, struct endpoint *bound)
{
	if (e->addr.ss_family == AF_UNIX && unix_abandoned(e))
		unlink(((const struct sockaddr_un *)&e->addr)->sun_path);
	int fd = socket_bind_any(e);
	if (fd < 0)
		return fd;
	socket_set_nodelay_keepalive(fd);              /* what is accepted has it from here */
	if (listen(fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	bound->len = sizeof bound->addr;
	getsockname(fd, (struct sockaddr *)&bound->addr, &bound->len);
	return fd;
}

int listener_bind(const struct address *a, int64_t backlog, struct endpoint *bound, char *error, size_t size)
{
	struct endpoint e;

	if (!listener_find(a, &e, error, size))
		return -1;
	int fd = listener_bind_at(&e, backlog, bound);
	if (fd < 0)
		snprintf(error, size, "cannot listen on '%s': %s", a->text, strerror(-fd));
	return fd < 0 ? -1 : fd;
}

/* ---- accepting: worker 0 ---- */

struct adoption {                       /* a client on its way to another worker */
	struct mail mail;
	struct shard *shard;            /* there */
	int fd, spare;
	uint64_t number;
};

static void adopt(struct mail *m)
{
	struct adoption *a = (struct adoption *)m;
	struct shard *p = a->shard;

	if (shard_is_open(p) && !p->worker->stopping) {
		conn_open(p, a->fd, a->spare, a->number);
	} else {
		close(a->fd);
		close(a->spare);
	}
	free(a);
}

static void deal(struct listener *l, int fd, int spare)
{
	struct shard *p = l->shard;
	uint64_t number = ++l->accepted;
	struct worker *to = &p->worker->all[number % p->worker->count];

	if (to == p->worker) {
		conn_open(p, fd, spare, number);
		return;
	}
	struct adoption *a = xmalloc(sizeof *a);
	*a = (struct adoption){ .mail.open = adopt, .shard = p->siblings[to->index], .fd = fd, .spare = spare, .number = number };
	loop_post(&to->loop, &a->mail);
}

static void listener_pause(struct listener *l, vn_nsec how_long)
{
	timer_set(&l->shard->worker->loop, &l->retry, l->shard->worker->loop.now + how_long);
}

static bool listener_full(const struct listener *l)
{
	int64_t max = shard_spec(l->shard)->max_clients;

	return max > 0 && l->accepted - l->gone >= (uint64_t)max;
}

/* Nothing dies of it: clients wait in the backlog. */
static void out_of_descriptors(struct listener *l, int error)
{
	if (!l->warned)
		log_warning("proxy=%s: %s; accepting pauses until a connection ends", shard_spec(l->shard)->name, strerror(error));
	l->warned = true;
	splice_pipes_trim(&l->shard->worker->splice_pipes);
	listener_pause(l, RETRY);
}

static bool out_of(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void spare_drop(struct worker *w)
{
	if (w->spare >= 0)
		close(w->spare);
	w->spare = -1;
}

/* A client, and a socket for its backend with it: neither is any use without the other. 0: taken, else an errno. */
static int listener_take(struct listener *l)
{
	struct worker *w = l->shard->worker;

	if (w->spare < 0)
		w->spare = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->spare < 0)
		return errno;
	if (w->spare >= l->reserve) {
		spare_drop(w);
		return EMFILE;
	}
	int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), spare = w->spare;
	if (fd < 0)
		return errno;
	w->spare = -1;
	deal(l, fd, spare);
	return 0;
}

static void listener_accept(struct listener *l)
{
	if (l->state != VN_STAY || l->watch.fd < 0)
		return;
	for (int i = 0; i < AT_ONCE; i++) {
		int error = 0;
		if (listener_full(l))
			listener_pause(l, RETRY);
		else if ((error = listener_take(l)) && out_of(error))
			out_of_descriptors(l, error);
		if (l->retry.slot || error == EAGAIN || error == EINVAL)
			return;         /* EINVAL: control has shut the port, and says so next */
	}
	listener_pause(l, 0);   /* the others first */
}

static void listener_ready(struct watch *w, unsigned events)
{
	struct listener *l = (struct listener *)w;

	if (!l->retry.slot)
		listener_accept(l);
}

/* ---- what the rules say of the port ---- */

/* The port stays ours while it refuses: a TCP socket that has been listening keeps its address. */
static void listener_refuse(struct listener *l)
{
	int off = 0;

	if (!l->unix_path) {
		setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
		shutdown(l->watch.fd, SHUT_RD);
		return;
	}
	close(l->watch.fd);             /* a path that nobody listens on refuses */
	l->watch.fd = -1;
}

static void listener_reopen(struct listener *l)
{
	const struct spec *s = shard_spec(l->shard);
	struct endpoint bound;
	char error[256];
	int on = 1;

	if (l->watch.fd < 0) {
		l->watch.fd = listener_bind(&s->listen, s->backlog, &bound, error, sizeof error);
		if (l->watch.fd < 0)
			log_error("proxy=%s: %s", s->name, error);
		else
			loop_watch(&l->shard->worker->loop, &l->watch, EPOLLIN | EPOLLET);
		return;
	}
	setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);      /* first: open connections have the address, too */
	if (listen(l->watch.fd, s->backlog > INT32_MAX ? INT32_MAX : (int)s->backlog))
		log_error("proxy=%s: cannot listen again: %s", s->name, strerror(errno));
}

/* Without the privilege, a queue of no length does it: the first client is silent, the others get no answer. */
static void listener_vanish(struct listener *l)
{
	if (!blackhole_on(l->watch.fd))
		listen(l->watch.fd, 0);
}

void listener_set_state(struct listener *l, enum vn_end state)
{
	if (state == l->state || !l->open)
		return;
	if (l->state == VN_VANISH)
		blackhole_off(l->watch.fd);
	if (l->state != VN_STAY)
		listener_reopen(l);
	l->state = state;
	log_info("proxy=%s: clients are %s", shard_spec(l->shard)->name, state == VN_CLOSE ? "refused" : state == VN_VANISH ? "not answered" : "accepted again");
	if (state == VN_CLOSE)
		listener_refuse(l);
	else if (state == VN_VANISH)
		listener_vanish(l);
	else
		listener_pause(l, 0);   /* some may be waiting */
}

static void listener_fire(struct timer *t)
{
	listener_accept(OWNER(listener, retry, t));
}

/* The kernel gives the lowest number that is free: from this one on, descriptors are left to the API and its like, or who is to
 * take the load away could not say so. */
static int reserve_begin(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return (int)(r.rlim_cur - (r.rlim_cur > 8 * RESERVE ? RESERVE : r.rlim_cur / 8));
}

static struct listener *listener_make(struct shard *p)
{
	struct listener *l = xcalloc(1, sizeof *l);
	*l = (struct listener){ .watch = { -1, listener_ready }, .shard = p, .retry.fire = listener_fire, .reserve = reserve_begin() };
	return l;
}

void listener_start(struct shard *p, int fd, const char *unix_path)
{
	struct listener *l = p->listener ? p->listener : (p->listener = listener_make(p));

	assert(!l->open);
	l->open = true;
	l->state = VN_STAY;
	l->watch.fd = fd;
	l->unix_path = xstrdup(unix_path);
	loop_watch(&p->worker->loop, &l->watch, EPOLLIN | EPOLLET);
	listener_set_state(l, plan_listen(p->plan));
}

void listener_stop(struct listener *l)
{
	spare_drop(l->shard->worker);   /* the last one to stop leaves none; another makes its own */
	timer_stop(&l->shard->worker->loop, &l->retry);
	if (l->unix_path)
		unlink(l->unix_path);   /* before it is closed: then it may be somebody else's */
	if (l->watch.fd >= 0)
		close(l->watch.fd);
	free(l->unix_path);
	l->unix_path = NULL;
	l->watch.fd = -1;
	l->open = false;
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	listener_stop(l);
	free(l);
}

void listener_slot_freed(struct listener *l)
{
	l->gone++;
	if (l->retry.slot && l->open)
		listener_pause(l, 0);
}
