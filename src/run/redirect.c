/* redirect.c - mode `socket`: the caller's own socket is led to a private listener. */
#include "run/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/socket.h"
#include "run/door.h"
#include "run/hand.h"
#include "run/others.h"
#include "run/places.h"
#include "run/silence.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

#define SOON    (20 * VN_MS)    /* a non-blocking caller waits so long for the backend ... */
#define LATE    (1 * VN_S)      /* ... and a blocking one */
/* A dial is kept so long for a call that is restarted, or for a client that is to come. */
#define RESTART (150 * VN_S)

/* ---- the table of dials ---- */

static struct dial **dial_chain(struct supervisor *s, uint64_t cookie)
{
	return &s->dials[cookie % DIALS];
}

static struct dial *dial_find(struct supervisor *s, uint64_t cookie)
{
	struct dial *d = *dial_chain(s, cookie);

	while (d && d->cookie != cookie)
		d = d->next;
	return d;
}

static void backend_close(struct dial *d)
{
	if (d->backend.fd < 0)
		return;
	socket_reset_on_close(d->backend.fd);
	close(d->backend.fd);
	d->backend.fd = -1;
}

static void socket_close(struct dial *d)
{
	if (d->socket < 0)
		return;
	if (d->led.fd >= 0)
		loop_unwatch(&d->supervisor->loop, &d->led);
	d->led.fd = -1;
	close(d->socket);
	d->socket = -1;
}

static void dial_free(struct dial *d)
{
	struct dial **at = dial_chain(d->supervisor, d->cookie);

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	door_forget(d);
	timer_stop(&d->supervisor->loop, &d->timer);
	backend_close(d);
	socket_close(d);
	birth_free(d->birth);
	free(d);
}

/* It is over when its caller has the answer, and its client has come or never will. */
static void dial_rest(struct dial *d)
{
	struct loop *l = &d->supervisor->loop;

	if (d->call)
		return;
	socket_close(d);
	if (!d->expected && d->delivered)
		dial_free(d);
	else
		timer_set(l, &d->timer, l->now + RESTART);
}

/* ---- answers ---- */

/* `result`: 0 or an errno; -1: the kernel goes on with the call. */
static void dial_answer(struct dial *d, int result)
{
	int listener = d->supervisor->listener.fd;

	if (!d->call)
		return;
	d->delivered = result < 0 ? caller_continue(listener, d->call) :
	                            caller_answer(listener, d->call, result);
	d->result = result;
	d->call = 0;
}

static void dial_fail(struct dial *d, int error, const char *why)
{
	place_failed(d->place, why, &d->caller);
	backend_close(d);
	birth_free(d->birth);
	d->birth = NULL;
	dial_answer(d, error);
	d->delivered = true;            /* a new call is a new try */
	dial_rest(d);
}

/* ---- the caller's socket ---- */

/* connect() through the duplicate, which never blocks. Returns 0 or an errno. */
static int socket_connect(const struct dial *d, const struct endpoint *to)
{
	int flags = d->blocking ? fcntl(d->socket, F_GETFL) : 0;

	if (d->blocking)
		fcntl(d->socket, F_SETFL, flags | O_NONBLOCK);
	int error = connect(d->socket, (const struct sockaddr *)&to->addr, to->len) ? errno : 0;
	if (d->blocking)
		fcntl(d->socket, F_SETFL, flags);
	return error;
}

/* The door's address as this socket can reach it. */
static struct endpoint door_for(const struct dial *d, const struct door *door)
{
	struct endpoint e = door->at;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&door->at.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e.addr;

	if (d->domain != AF_INET6 || door->at.addr.ss_family != AF_INET)
		return e;
	e = (struct endpoint){ .len = sizeof *in6 };
	in6->sin6_family = AF_INET6;
	in6->sin6_port = in->sin_port;
	memset(&in6->sin6_addr.s6_addr[10], 0xff, 2);
	memcpy(&in6->sin6_addr.s6_addr[12], &in->sin_addr, 4);
	return e;
}

static void led_ready(struct watch *w, unsigned events)
{
	struct dial *d = OWNER(dial, led, w);
	int error = 0;
	socklen_t n = sizeof error;

	if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		return;
	getsockopt(d->socket, SOL_SOCKET, SO_ERROR, &error, &n);
	dial_answer(d, error);
	dial_rest(d);
}

/* SO_SNDTIMEO: the kernel would say EALREADY when its own call found the socket connecting. */
static void led_watch(struct dial *d)
{
	struct loop *l = &d->supervisor->loop;

	d->led = (struct watch){ d->socket, led_ready };
	if (loop_watch(l, &d->led, EPOLLOUT)) {
		timer_set(l, &d->timer, loop_clock(l) + d->send_timeout);
		return;
	}
	d->led.fd = -1;
	dial_answer(d, EINPROGRESS);
	dial_rest(d);
}

/* The socket connects to the door, or has. */
static void dial_answer_led(struct dial *d, const struct endpoint *at, int error)
{
	if (d->blocking && error == EINPROGRESS)
		error = socket_connect(d, at);          /* on loopback it is there by now */
	if (d->blocking && (error == EINPROGRESS || error == EALREADY)) {
		if (d->send_timeout) {
			led_watch(d);
			return;
		}
		dial_answer(d, -1);     /* the call waits in the kernel for this connection */
		return;
	}
	dial_answer(d, error == EALREADY ? EINPROGRESS : error);
}

/* After the answer: it takes a while. The caller may have ended, and then its number must do. */
static void process_read(struct dial *d)
{
	struct process who;

	caller_process(&d->caller, &who);
	if (who.pid)
		d->birth->process = who;
}

static void dial_lead(struct dial *d, struct door *door)
{
	struct supervisor *s = d->supervisor;
	struct endpoint at = door_for(d, door);
	int error = socket_connect(d, &at);

	timer_stop(&s->loop, &d->timer);
	if (error && error != EINPROGRESS) {
		dial_fail(d, error, strerrordesc_np(error));
		return;
	}
	d->peer.len = sizeof d->peer.addr;
	getsockname(d->socket, (struct sockaddr *)&d->peer.addr, &d->peer.len);
	if (d->domain != AF_UNIX)
		endpoint_plain(&d->peer);
	door_expect(d);
	dial_answer_led(d, &at, error);
	process_read(d);
	if (!d->call) {
		socket_close(d);
		timer_set(&s->loop, &d->timer, s->loop.now + RESTART);
	}
	door_look(door);                /* it may have come already: `d` may be gone */
}

/* ---- no answer ---- */

static void silent_came(struct door *door, int fd, const struct endpoint *peer)
{
	door->supervisor->ip4.came(door, fd, peer);
}

static void dial_lead_nowhere(struct dial *d)
{
	struct place *p = d->place;
	struct door *door = d->domain == AF_UNIX ? NULL :
	                    silence_door(p, p->at.addr.ss_family, silent_came);

	if (!door) {                    /* nobody is silent on a unix socket */
		dial_fail(d, EAGAIN, "not answered, by a rule");
		return;
	}
	place_failed(p, "not answered, by a rule", &d->caller);
	dial_lead(d, door);
}

/* ---- the backend ---- */

static void dial_lead_on(struct dial *d)
{
	struct supervisor *s = d->supervisor;
	bool ip6 = d->place->at.addr.ss_family == AF_INET6;
	struct door *door = d->domain == AF_UNIX ? &s->local : ip6 ? &s->ip6 : &s->ip4;

	if (d->backend.fd >= 0) {
		if (!d->birth->connected)
			loop_unwatch(&s->loop, &d->backend);
		d->birth->backend = d->backend.fd;
		d->backend.fd = -1;
	}
	if (door->watch.fd < 0)
		dial_fail(d, ENETUNREACH, "no IPv6 here");
	else
		dial_lead(d, door);
}

static void dial_connected(struct dial *d)
{
	d->birth->connected = true;
	dial_lead_on(d);
}

static void backend_ready(struct watch *w, unsigned events)
{
	struct dial *d = OWNER(dial, backend, w);
	int error = 0;
	socklen_t n = sizeof error;

	getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error) {
		dial_fail(d, error, strerrordesc_np(error));
	} else if (events & EPOLLOUT) {
		loop_unwatch(&d->supervisor->loop, &d->backend);
		dial_connected(d);
	}
}

/* A socket that a program has bound dials from the same address, if that is possible. */
static void bind_like(int fd, const struct dial *d)
{
	struct endpoint from = { .len = sizeof from.addr };
	struct sockaddr_in *in = (struct sockaddr_in *)&from.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&from.addr;

	if (getsockname(d->socket, (struct sockaddr *)&from.addr, &from.len) != 0)
		return;
	if (from.addr.ss_family == AF_INET && in->sin_addr.s_addr) {
		in->sin_port = 0;
	} else if (from.addr.ss_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
	           !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		in6->sin6_port = 0;
	} else {
		return;
	}
	if (bind(fd, (const struct sockaddr *)&from.addr, from.len) != 0)
		log_debug("cannot dial from the caller's own address: %s", strerrordesc_np(errno));
}

/* Returns 0, EINPROGRESS, or the errno of the caller's call. */
static int backend_dial(struct dial *d)
{
	const struct endpoint *to = &d->place->at;
	const struct sockaddr *address = (const struct sockaddr *)&to->addr;
	int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	d->backend.fd = fd;
	if (d->domain != AF_UNIX)
		bind_like(fd, d);
	if (connect(fd, address, to->len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	/* On loopback it is connected, or refused, by now. */
	if (connect(fd, address, to->len) == 0 || errno == EISCONN)
		return 0;
	return errno == EALREADY ? EINPROGRESS : errno;
}

static void dial_begin(struct dial *d)
{
	struct loop *l = &d->supervisor->loop;
	int error = backend_dial(d);

	if (!error) {
		dial_connected(d);
	} else if (error != EINPROGRESS) {
		dial_fail(d, error, strerrordesc_np(error));
	} else if (!loop_watch(l, &d->backend, EPOLLOUT)) {
		dial_fail(d, errno, strerrordesc_np(errno));
	} else {
		timer_set(l, &d->timer, loop_clock(l) + (d->blocking ? LATE : SOON));
	}
}

/* Rules decide first. A socket that sends nothing tells whether there is a way at all. */
static int backend_probe(const struct dial *d)
{
	const struct endpoint *to = &d->place->at;

	if (d->domain == AF_UNIX)
		return 0;
	int fd = socket(to->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	int error = connect(fd, (const struct sockaddr *)&to->addr, to->len) ? errno : 0;
	close(fd);
	return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES ? error : 0;
}

/* The backend takes too long, or nobody restarts the call, or SO_SNDTIMEO has passed. */
static void dial_fire(struct timer *t)
{
	struct dial *d = OWNER(dial, timer, t);

	if (!d->call) {
		dial_free(d);
	} else if (d->led.fd >= 0) {
		dial_answer(d, EINPROGRESS);
		dial_rest(d);
	} else {
		dial_lead_on(d);
	}
}

/* ---- a caller ---- */

static void dial_start(struct dial *d)
{
	const struct gate *g = d->place->carrier->gate;
	enum gate_state state = g->state;       /* clang switches on no atomic one */
	int error;

	d->birth->elsewhere = g->moved;
	switch (state) {
	case GATE_CLOSED: dial_fail(d, ECONNREFUSED, "refused by a rule"); return;
	case GATE_SILENT: dial_lead_nowhere(d); return;
	case GATE_OPEN:
	case GATE_GONE:   break;
	}
	if (!g->opening && !g->moved)
		dial_begin(d);
	else if ((error = backend_probe(d)))
		dial_fail(d, error, strerrordesc_np(error));
	else
		dial_lead_on(d);
}

static void send_timeout_read(struct dial *d)
{
	struct timeval t = { 0 };
	socklen_t n = sizeof t;

	if (d->blocking && getsockopt(d->socket, SOL_SOCKET, SO_SNDTIMEO, &t, &n) == 0)
		d->send_timeout = t.tv_sec * VN_S + t.tv_usec * VN_US;
}

static void dial_make(struct place *p, const struct caller *c, int socket, uint64_t cookie,
                      int domain)
{
	struct supervisor *s = p->supervisor;
	struct dial *d = xcalloc(1, sizeof *d), **chain = dial_chain(s, cookie);

	*d = (struct dial){ .next = *chain, .supervisor = s, .place = p, .cookie = cookie,
	                    .socket = socket, .domain = domain, .call = c->id, .caller = *c,
	                    .result = -1,
	                    .blocking = !(fcntl(socket, F_GETFL) & O_NONBLOCK),
	                    .backend = { -1, backend_ready }, .led.fd = -1,
	                    .timer.fire = dial_fire };
	*chain = d;
	d->birth = xcalloc(1, sizeof *d->birth);
	*d->birth = (struct birth){ .client = -1, .backend = -1, .to = p->at };
	d->birth->process.pid = c->tid;
	send_timeout_read(d);
	dial_start(d);
}

/* Another call on the same socket while it is under way: the kernel's own answers. */
static void dial_join(struct dial *d, const struct caller *c, int socket)
{
	struct supervisor *s = d->supervisor;
	bool restarted = d->call && !call_valid(s->listener.fd, d->call);

	if (restarted) {                /* a signal has interrupted the first */
		d->call = c->id;
	} else if (d->call) {
		caller_answer(c->listener, c->id, EALREADY);
	} else if (!d->delivered && d->result == 0) {
		d->delivered = caller_answer(c->listener, c->id, 0);
	} else {
		d->delivered = true;
		caller_continue(c->listener, c->id);
	}
	close(socket);
	dial_rest(d);
}

/* ---- which sockets ---- */

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof value;

	return getsockopt(fd, level, name, &value, &n) == 0 ? value : -1;
}

static uint64_t long_option(int fd, int name)
{
	uint64_t value = 0;
	socklen_t n = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &n) == 0 ? value : 0;
}

/* Why a socket cannot be led to a door; NULL: it can. */
static const char *socket_unfit(const struct supervisor *s, int fd)
{
	char device[32] = "";
	socklen_t n = sizeof device;
	uint64_t network = s->network ? long_option(fd, SO_NETNS_COOKIE) : 0;

	if (network && network != s->network)
		return "another network namespace";
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &n) == 0 && *device &&
	    strcmp(device, "lo"))
		return "bound to a device";
	return NULL;
}

static void leave(struct place *p, const char *why, const struct caller *c, int socket)
{
	place_left(p, why, c);
	caller_continue(c->listener, c->id);
	close(socket);
}

void redirect_decided(struct place *p, const struct caller *c, int socket)
{
	struct supervisor *s = p->supervisor;
	const char *why = p->state == PLACE_ALONE ? p->why : NULL;

	if (p->state == PLACE_ALONE)
		leave(p, why, c, socket);
	else if (p->carrier->gate->state == GATE_GONE)
		leave(p, "its proxy was removed", c, socket);
	else if ((why = socket_unfit(s, socket)))
		leave(p, why, c, socket);
	else
		dial_make(p, c, socket, long_option(socket, SO_COOKIE),
		          option(socket, SOL_SOCKET, SO_DOMAIN));
}

/* A stream that may be connected. A datagram socket is `other`. */
static bool is_stream(int fd, const struct endpoint *to, bool *other)
{
	int protocol = to->addr.ss_family == AF_UNIX ? 0 : option(fd, SOL_SOCKET, SO_PROTOCOL);

	if (to->addr.ss_family == AF_UNIX)
		*other = option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM;
	else
		*other = protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP;
	return !*other;
}

/* Connected, connecting or listening: the kernel has its own answer. */
static bool is_busy(int fd, const struct endpoint *to)
{
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t n = 1;

	if (to->addr.ss_family == AF_UNIX)
		return option(fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
	       info.tcpi_state != TCP_CLOSE;
}

void redirect_take(struct supervisor *s, const struct caller *c, int socket,
                   const struct endpoint *to)
{
	bool other;

	if (!is_stream(socket, to, &other)) {
		other_note(s, c, socket, to);
		return;
	}
	struct place *p = place_find(s, to);
	if (p && p->state == PLACE_ALONE) {     /* the short way: most connects may be such */
		redirect_decided(p, c, socket);
		return;
	}
	struct dial *d = dial_find(s, long_option(socket, SO_COOKIE));
	if (d && (d->call || is_busy(socket, to) || d->domain == AF_UNIX)) {
		dial_join(d, c, socket);
		return;
	}
	if (d)                          /* its connection has ended: this is another */
		dial_free(d);
	if (!p || is_busy(socket, to)) {
		caller_continue(c->listener, c->id);
		close(socket);
		return;
	}
	if (p->state == PLACE_NEW)
		place_decide(p);
	if (p->state == PLACE_ALONE || p->state == PLACE_CARRIED)
		redirect_decided(p, c, socket);
	else
		place_wait(p, c, socket);
}

/* ---- at the door ---- */

void redirect_came(struct dial *d, int fd)
{
	struct birth *b = d->birth;
	struct carrier *r = d->place->carrier;

	d->birth = NULL;
	b->client = fd;
	r->carried++;
	hand_over_birth(r, b);
	dial_rest(d);
}

void redirect_free(struct supervisor *s)
{
	for (size_t i = 0; i < DIALS; i++)
		while (s->dials[i])
			dial_free(s->dials[i]);
}
