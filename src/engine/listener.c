/* listener.c - the listening socket of a proxy: open, refusing, silent, closed. */
#include "engine/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "net/bind.h"
#include "net/blackhole.h"

void listener_pause(struct listener *l, vn_nsec how_long)
{
	timer_set(&l->shard->worker->loop, &l->retry, l->shard->worker->loop.now + how_long);
}

void listener_drop_spare(struct worker *w)
{
	if (w->spare >= 0)
		close(w->spare);
	w->spare = -1;
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
		l->watch.fd = bind_address(&s->listen, s->backlog, &bound, error, sizeof error);
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

void listener_stop(struct listener *l)
{
	listener_drop_spare(l->shard->worker);   /* the last one to stop leaves none; another makes its own */
	timer_stop(&l->shard->worker->loop, &l->retry);
	unix_file_unlink(&l->unix_file, l->unix_path);
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

/* ---- a connection has gone: worker 0 counts ---- */

struct departure {
	struct mail mail;
	struct shard *shard;            /* in worker 0 */
};

static void slot_freed(struct listener *l)
{
	if (!l)
		return;
	l->freed++;
	if (l->retry.slot && l->open)
		listener_pause(l, 0);
}

static void departed(struct mail *m)
{
	struct departure *d = (struct departure *)m;

	slot_freed(d->shard->listener);
	free(d);
}

void listener_slot_freed(struct shard *p)
{
	if (p->worker->index == 0) {
		slot_freed(p->listener);
		return;
	}
	struct departure *d = xmalloc(sizeof *d);

	*d = (struct departure){ .mail.open = departed, .shard = p->siblings[0] };
	loop_post(&p->siblings[0]->worker->loop, &d->mail);
}
