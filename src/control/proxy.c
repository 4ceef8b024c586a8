/* proxy.c - table of proxies, and changes to one: create, update, remove. */
#include "control/proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/journal.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/accept.h"
#include "engine/datagrams.h"
#include "engine/listener.h"
#include "engine/shard.h"
#include "engine/unmapped.h"
#include "net/bind.h"
#include "tls/legs.h"

/* ---- the table ---- */

/* Returns the index of the name in table->named, or where to insert it. */
static size_t name_place(const struct proxy_table *table, const char *name, bool *there)
{
	size_t low = 0, high = table->n;

	*there = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(table->named[middle]->spec->name, name);
		*there |= !order;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct proxy *proxy_find(const struct proxy_table *table, const char *name)
{
	bool there;
	size_t at = name_place(table, name, &there);

	return there ? table->named[at] : NULL;
}

/* The same for a number in table->made, which is sorted by number. */
static size_t number_place(const struct proxy_table *table, unsigned number)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (table->made[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct proxy *proxy_numbered(const struct proxy_table *table, unsigned number)
{
	size_t at = number_place(table, number);

	return at < table->n && table->made[at]->number == number ? table->made[at] : NULL;
}

struct proxy *proxy_named_after(const struct proxy_table *table, const char *name)
{
	bool there = false;
	size_t at = name ? name_place(table, name, &there) : 0;

	at += there;
	return at < table->n ? table->named[at] : NULL;
}

struct proxy *proxy_made_after(const struct proxy_table *table, unsigned number)
{
	size_t at = number_place(table, number + 1);

	return at < table->n ? table->made[at] : NULL;
}

static void list_put(struct proxy **list, size_t n, size_t at, struct proxy *p)
{
	memmove(list + at + 1, list + at, (n - at) * sizeof *list);
	list[at] = p;
}

static void list_take(struct proxy **list, size_t n, size_t at)
{
	memmove(list + at, list + at + 1, (n - at - 1) * sizeof *list);
}

static void table_add(struct proxy_table *table, struct proxy *p)
{
	bool there;
	size_t at = name_place(table, p->spec->name, &there);

	assert(!there);
	if (table->n == table->room) {
		table->room = table->room ? table->room * 2 : 16;
		table->made = xrealloc(table->made, table->room * sizeof *table->made);
		table->named = xrealloc(table->named, table->room * sizeof *table->named);
	}
	list_put(table->made, table->n, table->n, p);
	list_put(table->named, table->n, at, p);
	table->n++;
}

static void table_remove(struct proxy_table *table, struct proxy *p)
{
	bool there;

	list_take(table->made, table->n, number_place(table, p->number));
	list_take(table->named, table->n, name_place(table, p->spec->name, &there));
	table->n--;
}

static void expiry_fire(struct timer *t);

void proxy_table_init(struct proxy_table *table, struct workers *workers)
{
	*table = (struct proxy_table){ .workers = workers, .expiry.fire = expiry_fire };
}

static void proxy_free(struct proxy *p)
{
	spec_unref(p->spec);
	free(p->shards);
	free(p);
}

void proxy_table_free(struct proxy_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		proxy_free(table->made[i]);
	free(table->made);
	free(table->named);
}

/* ---- accessors ---- */

struct spec *proxy_spec(const struct proxy *p)
{
	return p->spec;
}

unsigned proxy_number(const struct proxy *p)
{
	return p->number;
}

void proxy_totals(const struct proxy *p, struct totals *t)
{
	*t = (struct totals){ 0 };
	for (unsigned k = 0; k < p->table->workers->n; k++)
		totals_add(t, &p->shards[k]->stats);
}

void proxy_times(const struct proxy *p, struct fine_totals *t)
{
	*t = (struct fine_totals){ 0 };
	for (unsigned k = 0; k < p->table->workers->n; k++)
		fine_totals_add(t, &p->shards[k]->stats.answered);
}

static uint64_t hits_of(const struct rule_spec *r)
{
	return atomic_load_explicit(&r->counters->hits, memory_order_relaxed);
}

uint64_t proxy_hits(const struct proxy *p)
{
	uint64_t n = p->past_hits;

	for (unsigned i = 0; i < p->spec->n_rules; i++)
		n += hits_of(&p->spec->rules[i]);
	return n;
}

static bool has_rule(const struct spec *s, uint64_t origin)
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (s->rules[i].origin == origin)
			return true;
	return false;
}

/* The counters of rules go with their last copy. */
static void hits_keep(struct proxy *p, const struct spec *to)
{
	for (unsigned i = 0; i < p->spec->n_rules; i++)
		if (!has_rule(to, p->spec->rules[i].origin))
			p->past_hits += hits_of(&p->spec->rules[i]);
}

static bool may_refuse(const struct spec *s)
{
	for (unsigned i = 0; i < s->n_rules; i++)
		if (s->rules[i].behavior->on & VN_ON_LISTEN)
			return true;
	return false;
}

/* A rule is gone from the spec a moment before the worker opens the socket that it closed. */
bool proxy_listening(const struct proxy *p)
{
	const struct shard *first = p->shards[0];

	return p->spec->enabled && !atomic_load_explicit(&first->deaf, memory_order_relaxed)
	    && (!atomic_load_explicit(&first->refuses, memory_order_relaxed)
	        || may_refuse(p->spec));
}

/* ---- sockets ---- */

/* Accepts no more clients, and frees the address for others. The worker closes the socket later,
 * and only then unlinks a unix path. */
static void proxy_stop_listening(struct proxy *p)
{
	if (p->fd >= 0 && !p->spec->listen.unix_path && !p->at.udp)
		shutdown(p->fd, SHUT_RD);
	if (p->twin >= 0)
		shutdown(p->twin, SHUT_RD);
	p->fd = p->twin = -1;
}

/* Clients of some protocols use TCP at the same port, too. */
static bool wants_twin(const struct spec *s)
{
	return s->enabled && s->listen.udp && s->protocol->with_tcp;
}

/* `mine`, a listening socket of `was`, may be in the way: it listens again if binding fails. */
static int stream_bind(int mine, const struct spec *was, const struct endpoint *at,
                       int64_t backlog, struct endpoint *bound)
{
	if (mine >= 0)
		shutdown(mine, SHUT_RD);
	int fd = bind_listen(at, backlog, bound);
	if (fd < 0 && mine >= 0)
		listen(mine, (int)was->backlog);
	return fd;
}

struct sockets { int fd, twin; };       /* as in struct proxy */

/* Returns a socket for `to`, or a negative errno. `p` may be NULL.
 *
 * The old socket of `p` can be in the way: it listens on 0.0.0.0:80, and the new one is for
 * 127.0.0.1:80. Then the old one stops listening first. It listens again if binding still fails. */
static int proxy_bind(const struct proxy *p, const struct spec *to, const struct endpoint *at,
                      struct endpoint *bound)
{
	int fd = bind_listen(at, to->backlog, bound), listens = 0, port = endpoint_port(at);
	socklen_t n = sizeof listens;

	if (fd != -EADDRINUSE || !p || p->fd < 0 || !port || port != endpoint_port(&p->at))
		return fd;
	if (at->udp && p->at.udp)
		return bind_beside(at, p->fd, bound);
	if (!at->udp && p->at.udp)
		return stream_bind(p->twin, p->spec, at, to->backlog, bound);
	if (at->udp)
		return fd;
	getsockopt(p->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n);
	shutdown(p->fd, SHUT_RD);
	fd = bind_listen(at, to->backlog, bound);
	if (fd < 0 && listens)
		listen(p->fd, (int)p->spec->backlog);
	return fd;
}

/* The socket for TCP at a port of datagrams. */
static int twin_bind(const struct proxy *p, const struct spec *to, const struct endpoint *at)
{
	struct endpoint tcp = endpoint_tcp(at), bound;
	int fd = bind_listen(&tcp, to->backlog, &bound);

	if (fd != -EADDRINUSE || !p || endpoint_port(at) != endpoint_port(&p->at))
		return fd;
	return stream_bind(p->at.udp ? p->twin : p->fd, p->spec, &tcp, to->backlog, &bound);
}

enum { PORTS_TRIED = 32 };

/* Both sockets, or the one that there is. Returns 0 or an errno. A port that the kernel chooses
 * must be free for both. */
static int sockets_bind(const struct proxy *p, const struct spec *to, const struct endpoint *at,
                        struct sockets *made, struct endpoint *bound)
{
	const struct endpoint wanted = *at;     /* `bound` may be the same */

	*made = (struct sockets){ -1, -1 };
	for (int i = 0; i < PORTS_TRIED; i++) {
		made->fd = proxy_bind(p, to, &wanted, bound);
		if (made->fd < 0)
			return -made->fd;
		made->twin = wants_twin(to) ? twin_bind(p, to, bound) : -1;
		if (made->twin >= 0 || !wants_twin(to))
			return 0;
		close(made->fd);
		if (made->twin != -EADDRINUSE || endpoint_port(&wanted))
			break;
	}
	return -made->twin;
}

/* ---- changes ---- */

static void journal_change(const struct proxy *p, const char *what, const struct waiter *by)
{
	const struct spec *s = p->spec;
	char rules[JOURNAL_WORDS + 1] = "";
	struct journal_entry n;

	if (!journal_wants(JOURNAL_CHANGED))
		return;
	for (unsigned i = 0; i < s->n_rules; i++) {
		size_t used = strlen(rules);
		snprintf(rules + used, sizeof rules - used, "%s%s", i ? " " : "", s->rules[i].name);
	}
	journal_begin(&n, JOURNAL_CHANGED, p->table->workers->loop->now, s->name);
	journal_text(&n, "what", what);
	journal_text(&n, "by", by && by->by ? by->by : "vaurien");
	journal_text(&n, "listen", s->enabled ? s->listen.text : "nowhere");
	journal_text(&n, "backend", s->backend.text);
	journal_text(&n, "behavior", s->behavior);
	journal_text(&n, "rules", rules);
	journal_write(&n);
}

/* NULL if the waiter need not be called: it may have been freed by then. */
static struct waiter *waiter_called(struct waiter *w)
{
	return w && w->done ? w : NULL;
}

/* A change of one proxy, on its way to all workers. Freed when all have it. */
struct change {
	struct broadcast broadcast;
	struct proxy *proxy;
	struct spec *to;
	struct sockets sockets;         /* the new ones; -1: no other socket */
	bool stop, stop_twin;           /* close the old ones */
	bool empty;                     /* close the live connections */
	struct waiter *waiter;          /* NULL: none */
};

static void change_stop(struct change *ch, struct shard *p)
{
	bool udp = p->datagrams && p->datagrams->watch.fd >= 0;

	if (ch->stop && udp)
		datagrams_stop(p->datagrams);
	if ((udp ? ch->stop_twin : ch->stop) && p->listener)
		listener_stop(p->listener);
}

static void change_start(struct change *ch, struct worker *w, struct shard *p)
{
	const struct address *a = &ch->to->listen;
	int tcp = a->udp ? ch->sockets.twin : ch->sockets.fd;
	int udp = a->udp ? ch->sockets.fd : -1;

	if (w->stopping) {
		if (tcp >= 0)
			close(tcp);
		if (udp >= 0)
			close(udp);
		return;
	}
	listener_of(p);                 /* it numbers the sessions, too */
	if (udp >= 0)
		datagrams_start(p, udp);
	if (tcp >= 0)
		listener_start(p, tcp, a->unix_path ? a->host : NULL);
}

static void change_make(struct broadcast *b, struct worker *w)
{
	struct change *ch = OWNER(change, broadcast, b);
	struct shard *p = ch->proxy->shards[w->index];

	if (w->index == 0)
		change_stop(ch, p);
	if (ch->empty)
		shard_close_all(p);
	if (p->plan)
		shard_change(p, ch->to);
	else
		shard_start(p, ch->to);
	if (w->index == 0)
		change_start(ch, w, p);
}

static void change_made(struct broadcast *b)
{
	struct change *ch = OWNER(change, broadcast, b);

	if (ch->waiter)
		ch->waiter->done(ch->waiter);
	spec_unref(ch->to);
	free(ch);
}

static void change_begin(struct proxy *p, struct sockets made, bool stop, bool stop_twin,
                         bool empty, struct waiter *waiter)
{
	struct change *ch = xmalloc(sizeof *ch);
	struct timer *expiry = &p->table->expiry;
	struct spec *less = spec_without_expired(p->spec, 0, &p->expires);

	assert(!less);                  /* at time 0 no rule has expired */
	if (p->expires != VN_NEVER && (!expiry->slot || p->expires < expiry->due))
		timer_set(p->table->workers->loop, expiry, p->expires);
	*ch = (struct change){
		.broadcast = { change_make, change_made }, .proxy = p, .to = spec_ref(p->spec),
		.sockets = made, .stop = stop, .stop_twin = stop_twin, .empty = empty,
		.waiter = waiter_called(waiter),
	};
	broadcast_start(p->table->workers, &ch->broadcast);
}

static struct proxy *proxy_make(struct proxy_table *table, struct spec *to, struct sockets made,
                                const struct endpoint *at, struct waiter *waiter)
{
	struct proxy *p = xmalloc(sizeof *p);
	struct endpoint bound = *at;

	if (made.fd >= 0)
		spec_with_bound_port(to, &bound);
	*p = (struct proxy){
		.table = table, .number = ++table->last, .spec = to, .at = bound,
		.fd = made.fd, .twin = made.twin,
	};
	p->shards = xcalloc(table->workers->n, sizeof(struct shard *));
	shard_make(p->shards, table->workers->all, table->workers->n, p->number);
	table_add(table, p);
	journal_change(p, "created", waiter);
	tls_legs_warn(to, NULL);
	change_begin(p, made, false, false, false, waiter);
	return p;
}

struct proxy *proxy_adopt(struct proxy_table *table, struct spec *to, int fd,
                          const struct endpoint *at, struct waiter *waiter)
{
	return proxy_make(table, to, (struct sockets){ fd, -1 }, at, waiter);
}

int proxy_create(struct proxy_table *table, struct spec *to, const struct endpoint *at,
                 struct waiter *waiter, struct proxy **made)
{
	struct endpoint bound = { .len = 0 };
	bool binds = to->enabled && !to->gate;
	struct sockets sockets = { -1, -1 };
	int error = binds ? sockets_bind(NULL, to, at, &sockets, &bound) : 0;

	if (error)
		return error;
	struct proxy *p = proxy_make(table, to, sockets, &bound, waiter);
	if (made)
		*made = p;
	return 0;
}

int proxy_update(struct proxy *p, struct spec *to, const struct endpoint *at, bool empty,
                 struct waiter *waiter)
{
	struct endpoint bound = at ? *at : p->at;
	bool binds = to->enabled && !to->gate && (at || p->fd < 0);
	bool stop = p->fd >= 0 && (binds || !to->enabled);
	bool stop_twin = p->twin >= 0 && (stop || !wants_twin(to));
	struct sockets made = { -1, -1 };
	int error = binds ? sockets_bind(p, to, &bound, &made, &bound) : 0;

	if (!error && !binds && wants_twin(to) && p->twin < 0) {
		made.twin = twin_bind(p, to, &p->at);
		error = made.twin < 0 ? -made.twin : 0;
	}
	if (error)
		return error;
	if (at && to->gate)             /* its clients come another way */
		return EOPNOTSUPP;
	if (binds)
		spec_with_bound_port(to, &bound);
	empty |= !to->enabled || to->protocol != p->spec->protocol;
	if (stop)
		proxy_stop_listening(p);
	if (stop_twin && !stop)
		shutdown(p->twin, SHUT_RD);
	if (binds)
		p->fd = made.fd;
	if (made.twin >= 0 || stop_twin)
		p->twin = made.twin;
	if (binds || at)
		p->at = binds ? bound : (struct endpoint){ .len = 0 };
	hits_keep(p, to);
	tls_legs_warn(to, p->spec);
	spec_unref(p->spec);
	p->spec = to;
	journal_change(p, "changed", waiter);
	change_begin(p, made, stop, stop_twin, empty, waiter);
	return 0;
}

/* ---- rules that expire ---- */

static void proxy_expire(struct proxy *p, vn_nsec now)
{
	vn_nsec next;
	struct waiter ttl = { .by = "ttl" };
	struct spec *less = spec_without_expired(p->spec, now, &next);

	if (!less)
		return;
	for (unsigned i = 0; i < p->spec->n_rules; i++) {
		const struct rule_spec *r = &p->spec->rules[i];
		if (r->until <= now)
			log_info("proxy=%s: rule \"%s\" (%s) has expired", less->name, r->name,
			         r->behavior->name);
	}
	proxy_update(p, less, NULL, false, &ttl);
}

static void expiry_fire(struct timer *t)
{
	struct proxy_table *table = OWNER(proxy_table, expiry, t);
	vn_nsec now = table->workers->loop->now, next = VN_NEVER;

	for (size_t i = 0; i < table->n; i++) {
		if (table->made[i]->expires <= now)
			proxy_expire(table->made[i], now);
		if (table->made[i]->expires < next)
			next = table->made[i]->expires;
	}
	timer_set(table->workers->loop, &table->expiry, next);
}

/* ---- removal ----
 *
 * The first broadcast closes the shards. The second frees them, and then the proxy: by then no
 * worker has mail for it any more. */

struct removal {
	struct broadcast broadcast;
	struct proxy *proxy;
	struct waiter *waiter;
};

static void shard_end(struct broadcast *b, struct worker *w)
{
	shard_free(OWNER(removal, broadcast, b)->proxy->shards[w->index]);
}

static void removal_done(struct broadcast *b)
{
	struct removal *rm = OWNER(removal, broadcast, b);

	proxy_free(rm->proxy);
	free(rm);
}

static void shard_remove(struct broadcast *b, struct worker *w)
{
	shard_stop(OWNER(removal, broadcast, b)->proxy->shards[w->index]);
}

static void removal_made(struct broadcast *b)
{
	struct removal *rm = OWNER(removal, broadcast, b);
	struct proxy_observer *observer = rm->proxy->table->observer;

	if (observer)
		observer->removed(observer, rm->proxy);
	if (rm->waiter)
		rm->waiter->done(rm->waiter);
	rm->broadcast = (struct broadcast){ shard_end, removal_done };
	broadcast_start(rm->proxy->table->workers, &rm->broadcast);
}

void proxy_remove(struct proxy *p, struct waiter *waiter)
{
	struct removal *rm = xmalloc(sizeof *rm);
	*rm = (struct removal){ { shard_remove, removal_made }, p, waiter_called(waiter) };
	journal_change(p, "removed", waiter);
	unmapped_forget(p->table->unmapped, p->number);
	table_remove(p->table, p);
	proxy_stop_listening(p);
	broadcast_start(p->table->workers, &rm->broadcast);
}
