/* listener.c - listening socket of a proxy: open, refusing, silent or closed. */
#include "engine/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/birth.h"
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

/* ---- the state that the rules want ---- */

/* A TCP socket that stops listening keeps its port: the kernel refuses clients, and no other
 * process gets the port. The path of a unix socket refuses when its socket is closed. */
static void listener_refuse(struct listener *l)
{
	int off = 0;

	if (!l->unix_path) {
		setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
		shutdown(l->watch.fd, SHUT_RD);
		return;
	}
	close(l->watch.fd);
	l->watch.fd = -1;
}

/* Removes its own old socket file, but no other file. Returns 0 or an errno. */
static int listener_rebind(struct listener *l)
{
	const struct spec *s = shard_spec(l->shard);
	struct endpoint at, bound;

	if (!address_numeric(&s->listen, true, &at))
		return EADDRNOTAVAIL;
	unix_file_unlink(&l->unix_file, l->unix_path);
	int fd = bind_listen(&at, s->backlog, &bound);
	if (fd < 0)
		return -fd;
	l->watch.fd = fd;
	unix_file_note(&l->unix_file, fd, l->unix_path);
	return 0;
}

/* 0, or an errno; the socket may be watched already. */
static int listener_watch(struct listener *l)
{
	if (loop_watch(&l->shard->worker->loop, &l->watch, EPOLLIN | EPOLLET) || errno == EEXIST)
		return 0;
	return errno;
}

static int listener_reopen(struct listener *l)
{
	int64_t backlog = shard_spec(l->shard)->backlog;
	int on = 1, error = l->watch.fd < 0 ? listener_rebind(l) : 0;

	if (error)
		return error;
	/* first: open connections have the address, too */
	setsockopt(l->watch.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (listen(l->watch.fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) != 0)
		return errno;
	return listener_watch(l);
}

/* Without the privilege to filter, a backlog of 0 must do: the kernel completes the first client's
 * connect, and does not answer the others. */
static void listener_vanish(struct listener *l)
{
	if (!blackhole_on(l->watch.fd))
		listen(l->watch.fd, 0);
}

static bool is_deaf(const struct listener *l)
{
	return atomic_load_explicit(&l->shard->deaf, memory_order_relaxed);
}

static void set_deaf(struct listener *l, bool deaf)
{
	atomic_store_explicit(&l->shard->deaf, deaf, memory_order_relaxed);
}

static void log_state(const struct listener *l)
{
	log_info("proxy=%s: clients are %s", shard_spec(l->shard)->name,
	         l->state == VN_CLOSE  ? "refused" :
	         l->state == VN_VANISH ? "not answered" :
	                                 "accepted again");
}

void listener_retry(struct listener *l)
{
	int error = listener_reopen(l);

	if (error) {
		if (!is_deaf(l))
			log_error("proxy=%s: cannot listen again on '%s': %s; trying again every "
			          "second",
			          shard_spec(l->shard)->name,
			          shard_spec(l->shard)->listen.text, strerror(error));
		set_deaf(l, true);
		listener_pause(l, VN_S);
		return;
	}
	set_deaf(l, false);
	log_state(l);
	if (l->state == VN_VANISH)
		listener_vanish(l);
	else
		listener_pause(l, 0);   /* clients may wait in the backlog */
}

void listener_set_state(struct listener *l, enum vn_end state)
{
	enum vn_end was = l->state;
	bool deaf = is_deaf(l);

	if (state == was || !l->open)
		return;
	if (was == VN_VANISH && !deaf)
		blackhole_off(l->watch.fd);
	l->state = state;
	if (state == VN_CLOSE) {
		if (!deaf)
			listener_refuse(l);
		set_deaf(l, false);
		log_state(l);
	} else if (was != VN_STAY || deaf) {
		listener_retry(l);
	} else {
		log_state(l);
		listener_vanish(l);
	}
	atomic_store_explicit(&l->shard->refuses, state == VN_CLOSE, memory_order_relaxed);
}

static void births_drop(struct listener *l)
{
	for (struct birth *b = l->births, *next; b; b = next) {
		next = b->next;
		birth_free(b);
	}
	l->births = NULL;
	l->births_end = &l->births;
}

void listener_stop(struct listener *l)
{
	/* Another listener makes a new one. So the last one to stop leaves none. */
	listener_drop_spare(l->shard->worker);
	timer_stop(&l->shard->worker->loop, &l->retry);
	births_drop(l);
	unix_file_unlink(&l->unix_file, l->unix_path);
	if (l->watch.fd >= 0)
		close(l->watch.fd);
	free(l->unix_path);
	l->unix_path = NULL;
	l->watch.fd = -1;
	l->open = false;
	set_deaf(l, false);
	atomic_store_explicit(&l->shard->refuses, false, memory_order_relaxed);
}

void listener_free(struct listener *l)
{
	if (!l)
		return;
	listener_stop(l);
	free(l);
}

/* ---- a connection has ended: worker 0 counts ---- */

struct departure {
	struct mail mail;
	struct shard *shard;            /* in worker 0 */
};

static void slot_freed(struct listener *l)
{
	if (!l)
		return;
	l->freed++;
	if (l->births || (l->retry.slot && l->open))
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
