/* hand.c - a client, and perhaps its backend, handed over to its proxy.
 *
 * While a proxy's protocol is not sure, the first bytes of its connections are looked at here, and
 * stay in their sockets. */
#include "run/hand.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "engine/accept.h"
#include "run/discover.h"
#include "spec/recognise.h"

enum { LOOKED_AT = 64 };                /* bytes */

#define SILENCE (1 * VN_S)              /* a connection without bytes is handed over as it is */

/* A connection whose first bytes are waited for. */
struct look {
	struct watch client, backend;
	struct timer timer;
	struct carrier *carrier;
	struct birth *birth;
	bool over;
	struct mail last;               /* frees it at the end of the round */
};

static void hand_on(struct carrier *r, struct birth *b)
{
	r->handed++;
	b->proxy = r->proxy;
	b->worker = r->supervisor->worker;
	accept_birth(b);
}

/* After a wait: one look less is under way. */
static void hand_on_late(struct carrier *r, struct birth *b)
{
	struct supervisor *s = r->supervisor;

	hand_on(r, b);
	if (!--s->looks)
		s->handed(s);
}

static void look_free(struct mail *m)
{
	free(OWNER(look, last, m));
}

static void look_end(struct look *l)
{
	struct loop *loop = &l->carrier->supervisor->loop;

	loop_unwatch(loop, &l->client);
	loop_unwatch(loop, &l->backend);
	l->client.fd = l->backend.fd = -1;
	timer_stop(loop, &l->timer);
	l->over = true;
	l->last.open = look_free;
	loop_defer(loop, &l->last);
}

/* Its protocol stays: once is enough for what that means. */
static void look_note(struct look *l, bool tls)
{
	struct carrier *r = l->carrier;

	if (!r->noted || (tls && !r->tls))
		discover_note(r->supervisor->control, r->supervisor->control_loop, r->proxy, tls);
	r->noted = true;
	r->tls |= tls;
}

static void recognised(struct recognition *g)
{
	struct look *l = g->whom;

	if (g->changed)
		l->carrier->unsure = false;
	hand_on_late(l->carrier, l->birth);
	free(l);
	free(g);
}

static void look_recognise(struct look *l, const struct vn_protocol *p)
{
	struct supervisor *s = l->carrier->supervisor;
	struct look *kept = xmalloc(sizeof *kept);
	struct recognition *g = xcalloc(1, sizeof *g);

	*kept = *l;                     /* `l` goes at the end of the round */
	*g = (struct recognition){ .control = s->control, .loop = &s->loop, .done = recognised,
	                           .whom = kept, .proxy = l->carrier->proxy, .protocol = p,
	                           .handed = l->carrier->handed };
	look_end(l);
	discover_recognise(g, s->control_loop);
}

static void look_at(struct look *l, int fd, bool from_server)
{
	char bytes[LOOKED_AT];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	bool sure = n <= 0;             /* it has ended */
	const struct vn_protocol *p =
		n > 0 ? protocol_by_bytes(bytes, (size_t)n, from_server, &sure) : NULL;

	if (p && !l->carrier->stays) {
		look_recognise(l, p);
	} else if (sure) {
		if (n > 0) {
			l->carrier->unsure = false;       /* it is tcp */
			look_note(l, !from_server && bytes_are_tls(bytes, (size_t)n));
		}
		look_end(l);
		hand_on_late(l->carrier, l->birth);
	}
}

static void client_ready(struct watch *w, unsigned events)
{
	look_at(OWNER(look, client, w), w->fd, false);
}

static void backend_ready(struct watch *w, unsigned events)
{
	look_at(OWNER(look, backend, w), w->fd, true);
}

static void look_fire(struct timer *t)
{
	struct look *l = OWNER(look, timer, t);

	look_note(l, false);
	look_end(l);
	hand_on_late(l->carrier, l->birth);
}

void hand_over_birth(struct carrier *r, struct birth *b)
{
	struct loop *loop = &r->supervisor->loop;
	unsigned events = EPOLLIN | EPOLLRDHUP | EPOLLET;

	if (!r->unsure || !b->connected) {
		hand_on(r, b);
		return;
	}
	struct look *l = xcalloc(1, sizeof *l);
	*l = (struct look){ .client = { b->client, client_ready }, .carrier = r, .birth = b,
	                    .backend = { b->backend, backend_ready }, .timer.fire = look_fire };
	r->supervisor->looks++;
	timer_set(loop, &l->timer, loop_clock(loop) + SILENCE);
	if (!loop_watch(loop, &l->client, events) || !loop_watch(loop, &l->backend, events))
		look_fire(&l->timer);
}
