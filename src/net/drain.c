/* drain.c - sockets that have said all and wait for their peer's end, so that a FIN is a FIN. */
#include "net/drain.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/worker.h"

enum { DRAIN_MAX = 1 << 20 };

struct lingerer {
	struct watch watch;
	struct timer timer;
	struct mail last;
	struct worker *worker;
	struct lingerer *next, **link;
	size_t drained;
};

static void lingerer_free(struct mail *m)
{
	free(OWNER(lingerer, last, m));
}

static void lingerer_close(struct lingerer *g)
{
	if (g->watch.fd < 0)
		return;
	close(g->watch.fd);
	g->watch.fd = -1;
	timer_stop(&g->worker->loop, &g->timer);
	if (g->next)
		g->next->link = g->link;
	*g->link = g->next;
	g->last.open = lingerer_free;
	loop_later(&g->worker->loop, &g->last);
}

static void lingerer_fire(struct timer *t)
{
	lingerer_close(OWNER(lingerer, timer, t));
}

static void lingerer_ready(struct watch *w, unsigned events)
{
	struct lingerer *g = (struct lingerer *)w;
	ssize_t n;

	while ((n = recv(w->fd, g->worker->buffer, g->worker->bufsize, MSG_DONTWAIT)) > 0) {
		g->drained += (size_t)n;
		if (g->drained > DRAIN_MAX)
			break;
	}
	if (n >= 0 || events & EPOLLERR)
		lingerer_close(g);
}

void linger_start(struct worker *w, int fd)
{
	struct lingerer *g = calloc(1, sizeof *g);

	assert(g);
	*g = (struct lingerer){ .watch = { fd, lingerer_ready }, .timer.fire = lingerer_fire, .worker = w,
	                        .next = w->lingerers, .link = &w->lingerers };
	if (g->next)
		g->next->link = &g->next;
	w->lingerers = g;
	epoll_ctl(w->loop.epoll, EPOLL_CTL_DEL, fd, NULL);      /* it was its connection's */
	loop_watch(&w->loop, &g->watch, EPOLLIN | EPOLLRDHUP | EPOLLET);
	timer_set(&w->loop, &g->timer, w->loop.now + VN_S);
}

void linger_free(struct worker *w)
{
	while (w->lingerers)
		lingerer_close(w->lingerers);
}
