/* drain.c - sockets that have said all and wait for their peer's end, so that a FIN is a FIN. */
#include "net/drain.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/worker.h"

enum { DRAIN_MAX = 1 << 20 };

struct drain {
	struct watch watch;
	struct timer timer;
	struct mail last;
	struct worker *worker;
	struct drain *next, **link;
	size_t drained;
};

static void drain_free(struct mail *m)
{
	free(OWNER(drain, last, m));
}

static void drain_close(struct drain *g)
{
	if (g->watch.fd < 0)
		return;
	close(g->watch.fd);
	g->watch.fd = -1;
	timer_stop(&g->worker->loop, &g->timer);
	if (g->next)
		g->next->link = g->link;
	*g->link = g->next;
	g->last.open = drain_free;
	loop_defer(&g->worker->loop, &g->last);
}

static void drain_fire(struct timer *t)
{
	drain_close(OWNER(drain, timer, t));
}

static void drain_ready(struct watch *w, unsigned events)
{
	struct drain *g = (struct drain *)w;
	ssize_t n;

	while ((n = recv(w->fd, g->worker->buffer, g->worker->bufsize, MSG_DONTWAIT)) > 0) {
		g->drained += (size_t)n;
		if (g->drained > DRAIN_MAX)
			break;
	}
	if (n >= 0 || events & EPOLLERR)
		drain_close(g);
}

void drain_start(struct worker *w, int fd)
{
	struct drain *g = xcalloc(1, sizeof *g);
	*g = (struct drain){ .watch = { fd, drain_ready }, .timer.fire = drain_fire, .worker = w,
	                        .next = w->drains, .link = &w->drains };
	if (g->next)
		g->next->link = &g->next;
	w->drains = g;
	epoll_ctl(w->loop.epoll, EPOLL_CTL_DEL, fd, NULL);      /* it was its connection's */
	loop_watch(&w->loop, &g->watch, EPOLLIN | EPOLLRDHUP | EPOLLET);
	timer_set(&w->loop, &g->timer, w->loop.now + VN_S);
}

void drains_close(struct worker *w)
{
	while (w->drains)
		drain_close(w->drains);
}
