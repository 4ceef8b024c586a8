/* drain.c - half-closed sockets, read until the peer closes too. */
#include "net/drain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/socket.h"

enum { DRAIN_MAX = 1 << 20 };           /* bytes */

struct drain {
	struct watch watch;
	struct timer timer;
	struct mail last;               /* frees it at the end of the round */
	struct drains *all;
	struct drain *next, **link;
	size_t drained;                 /* bytes */
	bool resets;                    /* the first event closes it, with an RST */
	struct drain_note *note;        /* NULL: nobody wants to know */
};

static void drain_free(struct mail *m)
{
	free(OWNER(drain, last, m));
}

/* `closed`: the peer has closed its side. */
static void drain_close(struct drain *g, bool closed)
{
	if (g->watch.fd < 0)
		return;
	if (g->note)
		g->note->over(g->note, closed);
	close(g->watch.fd);
	g->watch.fd = -1;
	timer_stop(g->all->loop, &g->timer);
	if (g->next)
		g->next->link = g->link;
	*g->link = g->next;
	g->last.open = drain_free;
	loop_defer(g->all->loop, &g->last);
}

static void drain_fire(struct timer *t)
{
	drain_close(OWNER(drain, timer, t), false);
}

static void drain_ready(struct watch *w, unsigned events)
{
	struct drain *g = (struct drain *)w;
	ssize_t n;

	if (g->resets) {
		drain_close(g, false);
		return;
	}
	while ((n = recv(w->fd, g->all->buffer, g->all->size, MSG_DONTWAIT)) > 0) {
		g->drained += (size_t)n;
		if (g->drained > DRAIN_MAX)
			break;
	}
	bool reset = events & EPOLLERR || (n < 0 && errno != EAGAIN && errno != EINTR);
	if (n >= 0 || reset)
		drain_close(g, !n || reset);
}

static void drain_add(struct drains *all, int fd, bool resets, vn_nsec how_long,
                      struct drain_note *note)
{
	struct drain *g = xcalloc(1, sizeof *g);

	*g = (struct drain){ .watch = { fd, drain_ready }, .timer.fire = drain_fire, .all = all,
	                     .resets = resets, .note = note, .next = all->first,
	                     .link = &all->first };
	if (g->next)
		g->next->link = &g->next;
	all->first = g;
	epoll_ctl(all->loop->epoll, EPOLL_CTL_DEL, fd, NULL);   /* its connection's watch */
	loop_watch(all->loop, &g->watch, EPOLLIN | EPOLLRDHUP | EPOLLET);
	timer_set(all->loop, &g->timer, all->loop->now + how_long);
}

void drain_start(struct drains *all, int fd, struct drain_note *note)
{
	drain_add(all, fd, false, VN_S, note);
}

void drain_reset(struct drains *all, int fd, vn_nsec grace)
{
	socket_reset_on_close(fd);
	drain_add(all, fd, true, grace, NULL);
}

void drains_close(struct drains *all)
{
	while (all->first)
		drain_close(all->first, false);
}
