/* accept.c - accepting clients, numbering them, and dealing them out to the workers. */
#include "engine/accept.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/conn.h"
#include "engine/shard.h"
#include "net/socket.h"

enum {
	AT_ONCE = 32,                   /* clients accepted before other sockets get their turn */
	RESERVE = 16,                   /* descriptors that no client gets */
};

#define RETRY (100 * VN_MS)

/* ---- to the client's worker ---- */

/* Mail: a client on its way to another worker. */
struct adoption {
	struct mail mail;
	struct shard *shard;            /* in that worker */
	int fd, spare;
	uint64_t number;
};

static void adopt(struct mail *m)
{
	struct adoption *a = (struct adoption *)m;
	struct shard *p = a->shard;

	if (shard_is_open(p) && !p->worker->stopping) {
		conn_open(p, a->fd, a->spare, a->number, NULL);
	} else {
		close(a->fd);
		close(a->spare);
	}
	free(a);
}

static void deal(struct listener *l, int fd, int spare)
{
	struct shard *p = l->shard;
	uint64_t number = ++l->accepted;
	struct worker *to = &p->worker->all[number % p->worker->count];

	if (to == p->worker) {
		conn_open(p, fd, spare, number, NULL);
		return;
	}
	struct adoption *a = xmalloc(sizeof *a);
	*a = (struct adoption){ .mail.open = adopt, .shard = p->siblings[to->index],
	                        .fd = fd, .spare = spare, .number = number };
	loop_post(&to->loop, &a->mail);
}

static bool listener_full(const struct listener *l)
{
	int64_t max = shard_spec(l->shard)->max_clients;

	return max > 0 && l->accepted - l->freed >= (uint64_t)max;
}

/* ---- clients that others have accepted ---- */

static void birth_open(struct mail *m)
{
	struct birth *b = OWNER(birth, mail, m);
	int fd = b->client;

	if (!shard_is_open(b->shard) || b->shard->worker->stopping) {
		birth_free(b);
		return;
	}
	b->client = -1;
	conn_open(b->shard, fd, -1, b->number, b);
}

static void birth_deal(struct listener *l, struct birth *b)
{
	struct worker *w = l->shard->worker;
	struct worker *to = &w->all[(b->number = ++l->accepted) % w->count];

	b->shard = l->shard->siblings[to->index];
	b->mail.open = birth_open;
	if (to == w)
		birth_open(&b->mail);
	else
		loop_post(&to->loop, &b->mail);
}

static void births_deal(struct listener *l)
{
	struct birth *b;

	while ((b = l->births) && !listener_full(l)) {
		l->births = b->next;
		if (!b->next)
			l->births_end = &l->births;
		birth_deal(l, b);
	}
}

/* ---- accepting ---- */

/* Clients wait in the backlog meanwhile. */
static void out_of_descriptors(struct listener *l, int error)
{
	if (!l->warned)
		log_warning("proxy=%s: %s; accepting pauses until a connection ends",
		            shard_spec(l->shard)->name, strerror(error));
	l->warned = true;
	splice_pipes_trim(&l->shard->worker->splice_pipes);
	listener_pause(l, RETRY);
}

/* Accepts a client if there is also a socket for its backend. Returns 0 or an errno. */
static int listener_take(struct listener *l)
{
	struct worker *w = l->shard->worker;

	if (w->spare < 0)
		w->spare = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->spare < 0)
		return errno;
	if (w->spare >= l->reserve) {
		listener_drop_spare(w);
		return EMFILE;
	}
	int fd = accept4(l->watch.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), spare = w->spare;
	if (fd < 0)
		return errno;
	w->spare = -1;
	deal(l, fd, spare);
	return 0;
}

static void listener_accept(struct listener *l)
{
	if (l->state != VN_STAY || l->watch.fd < 0)
		return;
	for (int i = 0; i < AT_ONCE; i++) {
		int error = 0;
		if (listener_full(l))
			listener_pause(l, RETRY);
		else if ((error = listener_take(l)) && socket_none_left(error))
			out_of_descriptors(l, error);
		if (l->retry.slot || error == EAGAIN || error == EINVAL)
			return;         /* EINVAL: control has shut the socket; its mail follows */
	}
	listener_pause(l, 0);   /* other sockets get their turn */
}

static void listener_ready(struct watch *w, unsigned events)
{
	struct listener *l = (struct listener *)w;

	if (!l->retry.slot)
		listener_accept(l);
}

static void listener_fire(struct timer *t)
{
	struct listener *l = OWNER(listener, retry, t);

	births_deal(l);
	if (atomic_load_explicit(&l->shard->deaf, memory_order_relaxed))
		listener_retry(l);
	else
		listener_accept(l);
}

/* ---- start ---- */

/* Descriptors from this number on are left to the API: it must work when clients use up the rest.
 * The kernel always assigns the lowest free number. */
static int reserve_begin(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur > INT32_MAX)
		return INT32_MAX;
	return (int)(r.rlim_cur - (r.rlim_cur > 8 * RESERVE ? RESERVE : r.rlim_cur / 8));
}

static struct listener *listener_make(struct shard *p)
{
	struct listener *l = xcalloc(1, sizeof *l);

	*l = (struct listener){ .watch = { -1, listener_ready }, .shard = p,
	                        .retry.fire = listener_fire, .reserve = reserve_begin() };
	l->births_end = &l->births;
	return l;
}

struct listener *listener_of(struct shard *p)
{
	return p->listener ? p->listener : (p->listener = listener_make(p));
}

void listener_start(struct shard *p, int fd, const char *unix_path)
{
	struct listener *l = listener_of(p);

	assert(!l->open);
	l->open = true;
	l->state = VN_STAY;
	l->watch.fd = fd;
	l->unix_path = xstrdup(unix_path);
	unix_file_note(&l->unix_file, fd, unix_path);
	if (!loop_watch(&p->worker->loop, &l->watch, EPOLLIN | EPOLLET))
		listener_retry(l);      /* says why, and tries again */
	listener_set_state(l, plan_listen(p->plan, false));
}

/* ---- births ---- */

static void birth_take(struct mail *m)
{
	struct birth *b = OWNER(birth, mail, m);
	struct shard *p = b->worker->shards;

	while (p && p->number != b->proxy)
		p = p->next;
	if (!p || !shard_is_open(p) || b->worker->stopping) {
		birth_free(b);
		return;
	}
	struct listener *l = listener_of(p);
	b->next = NULL;
	*l->births_end = b;
	l->births_end = &b->next;
	births_deal(l);
}

void accept_birth(struct birth *b)
{
	b->mail.open = birth_take;
	loop_post(&b->worker->loop, &b->mail);
}
