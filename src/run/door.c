/* door.c - private listeners, and the callers' sockets that are expected there. */
#include "run/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/bind.h"
#include "net/blackhole.h"
#include "net/same.h"
#include "net/socket.h"
#include "net/unix_socket.h"

enum { BACKLOG = 4096, AT_ONCE = 64 };

/* ---- opening ---- */

static void door_ready(struct watch *w, unsigned events)
{
	door_look(OWNER(door, watch, w));
}

static int door_open(struct door *d, const struct endpoint *at)
{
	int fd = bind_listen(at, BACKLOG, &d->at);

	if (fd < 0)
		return -fd;
	d->watch = (struct watch){ fd, door_ready };
	if (loop_watch(&d->supervisor->loop, &d->watch, EPOLLIN))
		return 0;
	int error = errno;
	close(fd);
	d->watch.fd = -1;
	return error;
}

static struct endpoint loopback(int family)
{
	struct endpoint e = { .len = 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&e.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e.addr;

	e.addr.ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		e.len = sizeof *in;
	} else {
		in6->sin6_addr = in6addr_loopback;
		e.len = sizeof *in6;
	}
	return e;
}

static struct door *door_make_at(struct supervisor *s, const struct endpoint *at,
                                 void (*came)(struct door *, int, const struct endpoint *))
{
	struct door *d = xcalloc(1, sizeof *d);

	*d = (struct door){ .watch.fd = -1, .supervisor = s, .came = came, .filler = -1 };
	int error = door_open(d, at);
	if (!error)
		return d;
	free(d);
	errno = error;
	return NULL;
}

struct door *door_make(struct supervisor *s, int family,
                       void (*came)(struct door *, int, const struct endpoint *))
{
	struct endpoint at = loopback(family);

	return door_make_at(s, &at, came);
}

static struct endpoint local_path(const struct supervisor *s, const char *file)
{
	struct endpoint e = { .len = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)&e.addr;

	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof un->sun_path, "%s/%s", s->directory, file);
	return e;
}

struct door *door_make_local(struct supervisor *s,
                             void (*came)(struct door *, int, const struct endpoint *))
{
	char file[16];

	snprintf(file, sizeof file, "%u", ++s->local_doors);
	struct endpoint at = local_path(s, file);
	return door_make_at(s, &at, came);
}

static void door_close(struct door *d)
{
	const char *path = unix_socket_path(&d->at);

	if (d->watch.fd >= 0)
		close(d->watch.fd);
	if (d->watch.fd >= 0 && path)
		unlink(path);
	d->watch.fd = -1;
	if (d->filler >= 0)
		close(d->filler);
	d->filler = -1;
}

/* ---- no answer ---- */

/* Without the privilege to filter, a backlog that is full must do: the kernel completes one connect
 * with a backlog of 0, which is our own. */
void door_fall_silent(struct door *d)
{
	if (blackhole_on(d->watch.fd))
		return;
	listen(d->watch.fd, 0);
	d->filler = socket(d->at.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d->filler >= 0)
		connect(d->filler, (const struct sockaddr *)&d->at.addr, d->at.len);
	loop_unwatch(&d->supervisor->loop, &d->watch);
}

void door_answer_again(struct door *d)
{
	blackhole_off(d->watch.fd);
	listen(d->watch.fd, BACKLOG);
	if (d->filler < 0)
		return;
	close(d->filler);
	d->filler = -1;
	loop_watch(&d->supervisor->loop, &d->watch, EPOLLIN);
}

void door_free(struct door *d)
{
	if (d)
		door_close(d);
	free(d);
}

static void door_came(struct door *d, int fd, const struct endpoint *peer);

bool doors_open(struct supervisor *s, char error[ERROR_MAX])
{
	struct endpoint ip4 = loopback(AF_INET), ip6 = loopback(AF_INET6);
	struct endpoint local = local_path(s, "in");
	int why;

	s->ip4 = s->ip6 = s->local = (struct door){ .watch.fd = -1, .supervisor = s,
	                                            .came = door_came, .filler = -1 };
	s->queue_end = &s->queue;
	if ((why = door_open(&s->ip4, &ip4)) || (why = door_open(&s->local, &local))) {
		error_format(error, "run: cannot listen: %s", strerror(why));
		return false;
	}
	door_open(&s->ip6, &ip6);
	return true;
}

void doors_close(struct supervisor *s)
{
	door_close(&s->ip4);
	door_close(&s->ip6);
	door_close(&s->local);
}

/* ---- those expected ---- */

static size_t chain_of(const struct endpoint *peer)
{
	return (size_t)endpoint_port(peer) % DIALS;
}

void door_expect(struct dial *d)
{
	struct supervisor *s = d->supervisor;
	struct dial **chain = &s->expected[chain_of(&d->peer)];

	d->expected = true;
	if (d->domain == AF_UNIX) {     /* they have no address, but come in order */
		d->next_expected = NULL;
		*s->queue_end = d;
		s->queue_end = &d->next_expected;
		return;
	}
	d->next_expected = *chain;
	*chain = d;
}

void door_forget(struct dial *d)
{
	struct supervisor *s = d->supervisor;
	struct dial **at = d->domain == AF_UNIX ? &s->queue : &s->expected[chain_of(&d->peer)];

	if (!d->expected)
		return;
	d->expected = false;
	while (*at != d)
		at = &(*at)->next_expected;
	*at = d->next_expected;
	if (s->queue_end == &d->next_expected)
		s->queue_end = at;
}

/* Only we can connect to the path: in our directory, by our own hand. */
static struct dial *expected_local(struct supervisor *s, int fd)
{
	struct ucred who = { 0 };
	socklen_t n = sizeof who;

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n);
	return who.pid == getpid() ? s->queue : NULL;
}

static struct dial *expected_find(struct supervisor *s, const struct endpoint *peer)
{
	struct dial *d = s->expected[chain_of(peer)];

	while (d && !endpoint_same(&d->peer, peer))
		d = d->next_expected;
	return d;
}

/* ---- clients ---- */

static void door_came(struct door *door, int fd, const struct endpoint *peer)
{
	struct supervisor *s = door->supervisor;
	struct dial *d = door == &s->local ? expected_local(s, fd) : expected_find(s, peer);

	if (!d) {                       /* a stranger */
		socket_reset_on_close(fd);
		close(fd);
		return;
	}
	door_forget(d);
	s->came(d, fd);
}

void door_look(struct door *d)
{
	for (int i = 0; i < AT_ONCE && d->watch.fd >= 0; i++) {
		struct endpoint peer = { .len = sizeof peer.addr };
		int fd = accept4(d->watch.fd, (struct sockaddr *)&peer.addr, &peer.len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		d->came(d, fd, &peer);
	}
}

/* ---- our own ---- */

bool door_is_own(const struct supervisor *s, const struct endpoint *e)
{
	int port = endpoint_port(e);

	if (port && endpoint_loopback(e) && (port == endpoint_port(&s->ip4.at) ||
	                                     port == endpoint_port(&s->ip6.at)))
		return true;
	for (size_t i = 0; i < s->n_own; i++)
		if (endpoint_same(&s->own[i], e) ||
		    (port && port == endpoint_port(&s->own[i]) && endpoint_loopback(e)))
			return true;
	return false;
}
