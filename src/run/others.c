/* others.c - sockets that are no TCP streams: left alone, and counted if they are in earnest. */
#include "run/others.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "run/places.h"

enum { OTHERS_MAX = 1000, DNS = 53 };

#define WHILE (200 * VN_MS)

static const char *why_of(int fd)
{
	int protocol = IPPROTO_UDP;
	socklen_t n = sizeof protocol;

	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &n);
	return protocol == IPPROTO_UDP  ? "UDP" :
	       protocol == IPPROTO_SCTP ? "SCTP" :
	                                  "not TCP";
}

static unsigned long inode_of(const struct caller *c)
{
	char path[64];
	struct stat file;

	snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)c->tid, c->fd);
	return stat(path, &file) == 0 ? file.st_ino : 0;
}

static bool still_there(const struct other *o)
{
	return o->inode && inode_of(&o->caller) == o->inode;
}

static void other_end(struct supervisor *s, bool count)
{
	struct other *o = s->others;

	s->others = o->next;
	s->n_others--;
	if (!s->others)
		s->others_end = &s->others;
	if (count)
		place_left(o->place, o->why, &o->caller);
	free(o);
}

void others_look(struct timer *t)
{
	struct supervisor *s = OWNER(supervisor, other_timer, t);

	while (s->others && s->others->due <= s->loop.now)
		other_end(s, still_there(s->others));
	if (s->others)
		timer_set(&s->loop, t, s->others->due);
}

void other_note(struct supervisor *s, const struct caller *c, int socket, const struct endpoint *to)
{
	const char *why = why_of(socket);
	struct place *p = NULL;

	if (socket >= 0)
		close(socket);
	if (to->addr.ss_family != AF_UNIX && endpoint_port(to) != DNS && endpoint_port(to) &&
	    s->n_others < OTHERS_MAX)
		p = place_find(s, to);
	if (p) {
		struct other *o = xmalloc(sizeof *o);
		*o = (struct other){ .place = p, .why = why, .caller = *c, .inode = inode_of(c),
		                     .due = loop_clock(&s->loop) + WHILE };
		*s->others_end = o;
		s->others_end = &o->next;
		s->n_others++;
		if (!s->other_timer.slot)
			timer_set(&s->loop, &s->other_timer, o->due);
	}
	caller_continue(c->listener, c->id);
}

void others_free(struct supervisor *s)
{
	while (s->others)
		other_end(s, still_there(s->others));
}
