/* rewrite.c - mode `rewrite`: the address in the caller's memory is exchanged for a listener's. */
#include "run/rewrite.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/socket.h"
#include "run/door.h"
#include "run/hand.h"
#include "run/others.h"
#include "run/places.h"
#include "run/silence.h"

/* ---- a client ---- */

/* More clients than callers were sent here are strangers. */
static void rewrite_came(struct door *door, int fd, const struct endpoint *peer)
{
	struct place *p = door->place;
	struct birth *b;

	if (!door->expected) {
		socket_reset_on_close(fd);
		close(fd);
		return;
	}
	door->expected--;
	b = xcalloc(1, sizeof *b);
	*b = (struct birth){ .client = fd, .backend = -1, .to = p->at, .process = door->process,
	                     .elsewhere = p->carrier->gate->moved };
	p->carrier->carried++;
	hand_over_birth(p->carrier, b);
}

/* ---- a caller ---- */

/* The kernel's name of the socket's protocol; "": it has none. */
static void protocol_read(const struct caller *c, char name[16])
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)c->tid, c->fd);
	ssize_t n = getxattr(path, "system.sockprotoname", name, 15);
	name[n > 0 ? n : 0] = '\0';
}

static bool is_stream(const char *name, const struct endpoint *to)
{
	if (to->addr.ss_family == AF_UNIX)
		return !strncmp(name, "UNIX", 4);       /* UNIX-STREAM since Linux 5.15 */
	return !strcmp(name, "TCP") || !strcmp(name, "TCPv6") || !strncmp(name, "MPTCP", 5);
}

/* A socket that is for IPv6 only cannot reach a mapped address. */
static int family_for(const struct place *p)
{
	bool ip6 = p->at.addr.ss_family == AF_INET6 && p->supervisor->ip6.watch.fd >= 0;

	return ip6 ? AF_INET6 : AF_INET;
}

static struct door *place_door(struct place *p)
{
	struct supervisor *s = p->supervisor;

	if (p->door)
		return p->door;
	p->door = p->at.addr.ss_family == AF_UNIX ? door_make_local(s, rewrite_came) :
	                                            door_make(s, family_for(p), rewrite_came);
	if (p->door)
		p->door->place = p;
	return p->door;
}

/* Writes the door's address over the caller's. 0, or an errno. */
static int address_write(const struct caller *c, const struct door *door)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&door->at.addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&door->at.addr;
	struct sockaddr_storage mine;
	uint8_t mapped[24] = { 0 };     /* port, flow, address */

	int error = caller_read(c, c->address, &mine, sizeof(sa_family_t));
	if (error)
		return error;
	if (mine.ss_family == AF_INET)
		return caller_write(c, c->address + 2, (const char *)in + 2, 6);
	if (mine.ss_family != AF_INET6)
		return EINVAL;
	memcpy(mapped, &in->sin_port, 2);
	if (in->sin_family == AF_INET6) {
		memcpy(mapped + 2 + 4, &in6->sin6_addr, 16);
	} else {
		memset(mapped + 2 + 4 + 10, 0xff, 2);
		memcpy(mapped + 2 + 4 + 12, &in->sin_addr, 4);
	}
	return caller_write(c, c->address + 2, mapped, 2 + 4 + 16);
}

/* Only where the new path, with its end, is no longer than the room that the caller has. */
static int path_write(const struct caller *c, const struct door *door)
{
	const char *path = ((const struct sockaddr_un *)&door->at.addr)->sun_path;
	size_t head = offsetof(struct sockaddr_un, sun_path), n = strlen(path) + 1;

	if (head + n > c->length)
		return ENAMETOOLONG;
	return caller_write(c, c->address + head, path, n);
}

static void rewrite_lead(struct place *p, const struct caller *c)
{
	struct door *door = place_door(p);
	bool local = p->at.addr.ss_family == AF_UNIX;
	int error = !door ? errno : local ? path_write(c, door) : address_write(c, door);

	if (error == ENAMETOOLONG)
		place_left(p, "its path has no room for another", c);
	else if (error)
		place_left(p, "no way to its proxy", c);
	if (!error) {
		door->expected++;
		caller_process(c, &door->process);
	}
	caller_continue(c->listener, c->id);
}

static void rewrite_lead_nowhere(struct place *p, const struct caller *c)
{
	struct door *door = silence_door(p, family_for(p), rewrite_came);

	if (!door || p->at.addr.ss_family == AF_UNIX) {
		caller_answer(c->listener, c->id, EAGAIN);
		return;
	}
	door->expected++;
	address_write(c, door);
	caller_continue(c->listener, c->id);
}

void rewrite_decided(struct place *p, const struct caller *c, int socket)
{
	if (!caller_valid(c))
		return;
	if (p->state == PLACE_ALONE || p->carrier->gate->state == GATE_GONE) {
		place_left(p, p->state == PLACE_ALONE ? p->why : "its proxy was removed", c);
		caller_continue(c->listener, c->id);
		return;
	}
	enum gate_state state = p->carrier->gate->state;

	switch (state) {
	case GATE_CLOSED:
		place_failed(p, "refused by a rule", c);
		caller_answer(c->listener, c->id, ECONNREFUSED);
		break;
	case GATE_SILENT: rewrite_lead_nowhere(p, c); break;
	default:          rewrite_lead(p, c);
	}
}

/* A caller that was sent here before has kept our address, and tries again. */
static struct place *place_of_door(struct supervisor *s, const struct endpoint *to)
{
	for (size_t i = 0; i < PLACES; i++)
		for (struct place *p = s->places[i]; p; p = p->next)
			if (p->door && endpoint_port(&p->door->at) == endpoint_port(to) &&
			    endpoint_port(to))
				return p;
	return NULL;
}

void rewrite_take(struct supervisor *s, const struct caller *c, const struct endpoint *to)
{
	char name[16];
	struct place *p = endpoint_loopback(to) ? place_of_door(s, to) : NULL;

	protocol_read(c, name);
	if (!is_stream(name, to)) {
		if (!strcmp(name, "UDP") || !strcmp(name, "UDPv6"))
			other_note(s, c, -1, to);
		else
			caller_continue(c->listener, c->id);
		return;
	}
	p = p ? p : place_find(s, to);
	if (!p) {
		caller_continue(c->listener, c->id);
		return;
	}
	if (p->state == PLACE_NEW)
		place_decide(p);
	if (p->state == PLACE_ALONE || p->state == PLACE_CARRIED)
		rewrite_decided(p, c, -1);
	else
		place_wait(p, c, -1);
}
