/* datagram_flow.c - sessions of datagrams: open, find, end. */
#include "engine/datagram_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/journal.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/conn_events.h"
#include "engine/datagram_pass.h"
#include "engine/datagram_rules.h"
#include "engine/datagram_send.h"
#include "engine/datagram_wait.h"
#include "engine/listener.h"
#include "net/socket.h"

enum {
	ROUNDS = 8,                     /* calls of recvmmsg() before others get their turn */
	ROOM = 1 << 20,                 /* bytes that may wait in its socket */
};

static const vn_nsec QUIET = 60 * VN_S;

/* ---- the table ---- */

static struct flow **place_of(struct datagrams *d, const struct flow_key *k)
{
	return &d->table[siphash(d->hash[0], d->hash[1], k, sizeof *k) & d->mask];
}

static struct flow *flow_find(struct datagrams *d, const struct flow_key *k)
{
	struct flow *f = *place_of(d, k);

	while (f && memcmp(&f->key, k, sizeof *k) != 0)
		f = f->same;
	return f;
}

static void age_remove(struct flow *f)
{
	struct datagrams *d = f->of;

	*(f->older ? &f->older->newer : &d->oldest) = f->newer;
	*(f->newer ? &f->newer->older : &d->newest) = f->older;
}

static void age_add(struct flow *f)
{
	struct datagrams *d = f->of;

	f->newer = NULL;
	f->older = d->newest;
	*(d->newest ? &d->newest->newer : &d->oldest) = f;
	d->newest = f;
}

static void flow_link(struct flow *f)
{
	struct datagrams *d = f->of;
	struct flow **place = place_of(d, &f->key);
	struct shard *p = d->shard;

	f->same = *place;
	*place = f;
	f->next = p->flows;
	f->link = &p->flows;
	if (f->next)
		f->next->link = &f->next;
	p->flows = f;
	age_add(f);
	d->flows++;
}

static void flow_unlink(struct flow *f)
{
	struct flow **at = place_of(f->of, &f->key);

	while (*at != f)
		at = &(*at)->same;
	*at = f->same;
	if (f->next)
		f->next->link = f->link;
	*f->link = f->next;
	age_remove(f);
	f->of->flows--;
}

/* ---- the end ---- */

static void journal_end(const struct flow *f, enum close_reason why)
{
	const char *name = shard_spec(f->of->shard)->name;
	struct journal_entry n;

	conn_closed_log(name, f->number, why);
	if (!journal_wants(JOURNAL_CLOSED))
		return;
	conn_closed_begin(&n, &(struct conn_closed){
		.proxy = name, .number = f->number, .why = why,
		.now = flow_worker(f)->loop.now, .since = f->since, .exchanges = f->asked,
		.request = { f->way[0].came, f->way[0].sent },
		.response = { f->way[1].came, f->way[1].sent } });
	journal_null(&n, "client_closed");
	journal_write(&n);
}

static void flow_free(struct mail *m)
{
	struct flow *f = OWNER(flow, later, m);

	free(f->lookup);
	free(f);
}

void flow_end(struct flow *f, enum close_reason why)
{
	struct shard *p = f->of->shard;

	f->dead = true;
	outbox_flush(flow_worker(f));
	journal_end(f, why);
	waiting_drop(f, why == CLOSE_REASON_NO_BACKEND ? LOSS_BACKEND : DATAGRAM_LOSSES);
	flow_exchanges_end(f);
	flow_unlink(f);
	if (f->lookup && f->lookup->job)
		lookup_cancel(f->lookup);
	if (f->watch.fd >= 0)
		close(f->watch.fd);
	f->watch.fd = -1;
	flow_rules_end(f);
	if (flow_protocol(f)->forget)
		flow_protocol(f)->forget(f->state);
	plan_unref(f->plan);
	f->plan = NULL;
	stats_add(&p->stats, STAT_CLOSED, 1);
	count_add(&p->stats.ended[why], 1);
	listener_slot_freed(p);
	f->later.open = flow_free;
	loop_defer(&p->worker->loop, &f->later);
}

void flow_check(struct flow *f)
{
	if (f->dead && f->plan)
		flow_end(f, (enum close_reason)f->why);
}

/* ---- silence ---- */

static vn_nsec quiet_of(const struct datagrams *d)
{
	const struct spec *s = shard_spec(d->shard);

	return s->idle ? s->idle : s->protocol->quiet ? s->protocol->quiet : QUIET;
}

void flow_touch(struct flow *f)
{
	f->active = flow_worker(f)->loop.now;
	if (!f->newer)
		return;
	age_remove(f);
	age_add(f);
}

void flows_expire(struct timer *t)
{
	struct datagrams *d = OWNER(datagrams, idle, t);
	struct loop *loop = &d->shard->worker->loop;
	vn_nsec quiet = quiet_of(d);

	for (struct flow *f; (f = d->oldest) && f->active + quiet <= loop->now;) {
		if (f->way[0].first || f->way[1].first || f->lookup)
			flow_touch(f);          /* it is not over */
		else
			flow_end(f, CLOSE_REASON_IDLE);
		if (f == d->oldest)
			break;                  /* the only one, and it was touched */
	}
	timer_set(loop, &d->idle, d->oldest ? d->oldest->active + quiet : VN_NEVER);
}

/* ---- answers of the backend ---- */

/* What the kernel itself has dropped. */
static void drops_count(struct flow *f)
{
	uint64_t now = socket_drops(f->watch.fd);

	if (now > f->drops)
		datagrams_lost(f->of->shard, LOSS_KERNEL, now - f->drops);
	f->drops = now;
}

/* Returns how many came; those that the backend's kernel has refused are counted. */
static int answers_receive(struct flow *f, struct inbox *in)
{
	for (;;) {
		for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
			in->bytes[i] = (struct iovec){ in->room[i], sizeof in->room[i] };
			in->of[i].msg_hdr = (struct msghdr){ .msg_iov = &in->bytes[i],
				                             .msg_iovlen = 1 };
		}
		int n = recvmmsg(f->watch.fd, in->of, DATAGRAM_BATCH, MSG_DONTWAIT, NULL);
		if (n >= 0 || (errno != EINTR && errno != ECONNREFUSED))
			return n < 0 ? 0 : n;
		if (errno == ECONNREFUSED)
			datagrams_lost(f->of->shard, LOSS_REFUSED, 1);
	}
}

static void answers_pass(struct flow *f, struct inbox *in, int n)
{
	struct stats *s = &f->of->shard->stats;

	if (f->plan->n || flow_protocol(f)->request)
		loop_clock(&flow_worker(f)->loop);
	for (int i = 0; i < n && !f->dead; i++) {
		size_t size = in->of[i].msg_len;
		f->way[1].came += size;
		f->way[1].n++;
		stats_add(s, STAT_READS_RESPONSE, 1);
		stats_add(s, STAT_READ_RESPONSE, size);
		datagrams_tick(f->of);
		datagram_pass(f, VN_RESPONSE, in->room[i], size);
	}
	outbox_flush(flow_worker(f));
}

/* Level-triggered: what is left is reported again. */
static void flow_ready(struct watch *w, unsigned events)
{
	struct flow *f = OWNER(flow, watch, w);
	struct inbox *in = flow_worker(f)->inbox;
	int n = DATAGRAM_BATCH;
	bool full = false;

	if (f->dead)
		return;
	for (unsigned i = 0; i < ROUNDS && n == DATAGRAM_BATCH && !f->dead; i++) {
		n = answers_receive(f, in);
		full |= n == DATAGRAM_BATCH;
		if (n)
			answers_pass(f, in, n);
	}
	if (full && !f->dead)
		drops_count(f);
	flow_touch(f);
	flow_check(f);
}

/* ---- the backend ---- */

/* Returns 0 or an errno. */
static int flow_connect_to(struct flow *f, const struct endpoint *to)
{
	int fd = socket(to->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (fd >= f->of->shard->listener->reserve) {
		close(fd);
		return EMFILE;
	}
	f->watch.fd = fd;
	socket_set_room(fd, ROOM);
	if (connect(fd, (const struct sockaddr *)&to->addr, to->len) == 0 &&
	    loop_watch(&flow_worker(f)->loop, &f->watch, EPOLLIN))
		return 0;
	int error = errno;
	close(fd);
	f->watch.fd = -1;
	return error;
}

static void flow_no_backend(struct flow *f, const char *why)
{
	log_warning("proxy=%s connection=%llu backend=%s: %s", shard_spec(f->of->shard)->name,
	            (unsigned long long)f->number, f->plan->spec->backend.text, why);
	flow_doom(f, CLOSE_REASON_NO_BACKEND);
}

static void flow_found(struct lookup *l)
{
	struct flow *f = l->whom;
	int error = EHOSTUNREACH;

	f->lookup = NULL;
	for (unsigned i = 0; i < l->n && error; i++)
		error = flow_connect_to(f, &l->found[i]);
	if (!l->n || error)
		flow_no_backend(f, l->n ? strerror(error) : l->error);
	else
		waiting_connected(f);
	free(l);
	flow_check(f);
}

/* Makes room if the system has no more descriptors: the one that is idle longest goes. */
static void flow_connect(struct flow *f)
{
	struct endpoint to;

	if (!address_numeric(&f->plan->spec->backend, false, &to)) {
		f->lookup = xcalloc(1, sizeof *f->lookup);
		f->lookup->done = flow_found;
		f->lookup->whom = f;
		lookup_start(f->lookup, flow_worker(f)->connector.resolver,
		             &flow_worker(f)->loop, &f->plan->spec->backend);
		return;
	}
	int error = flow_connect_to(f, &to);
	if ((error == EMFILE || error == ENFILE) && f->of->oldest != f) {
		flow_end(f->of->oldest, CLOSE_REASON_EVICTED);
		error = flow_connect_to(f, &to);
	}
	if (error)
		flow_no_backend(f, strerror(error));
}

/* ---- the beginning ---- */

static void journal_begins(const struct flow *f)
{
	struct endpoint client = flow_client(f);
	char text[128];

	if (conn_opened_is_read())
		conn_opened_write(shard_spec(f->of->shard), f->number, f->since,
		                  endpoint_show(&client, text, sizeof text), NULL);
}

static struct flow *flow_make(struct datagrams *d, const struct flow_key *k)
{
	struct shard *p = d->shard;
	struct flow *f = xcalloc(1, sizeof *f + shard_spec(p)->protocol->state_size);

	f->of = d;
	f->key = *k;
	f->number = ++p->listener->accepted;
	f->watch = (struct watch){ -1, flow_ready };
	f->plan = plan_ref(p->plan);
	for (unsigned i = 0; i < 2; i++)
		f->way[i].last = &f->way[i].first;
	f->since = f->active = loop_clock(&p->worker->loop);
	return f;
}

struct flow *flow_get(struct datagrams *d, const struct flow_key *k)
{
	struct flow *f = flow_find(d, k);
	const struct spec *s = shard_spec(d->shard);
	size_t most = (size_t)s->sessions;

	if (f)
		return f;
	if (s->max_clients && (uint64_t)s->max_clients < most)
		most = (size_t)s->max_clients;
	while (d->flows && d->flows >= most)
		flow_end(d->oldest, CLOSE_REASON_EVICTED);
	f = flow_make(d, k);
	flow_link(f);
	if (!d->idle.slot)
		timer_set(&d->shard->worker->loop, &d->idle, f->active + quiet_of(d));
	stats_add(&d->shard->stats, STAT_OPENED, 1);
	journal_begins(f);
	flow_rules_begin(f);
	if (!f->dead)
		flow_connect(f);
	if (!f->dead)
		return f;
	flow_check(f);
	return NULL;
}
