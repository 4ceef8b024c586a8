/* proxy.c - the proxies as control knows them: a table of them, and what can be done to one. */
#include "control/proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/accept.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/shard.h"
#include "net/bind.h"

/* ---- the table ---- */

/* Where the name stands among the names, or would. */
static size_t name_place(const struct proxy_table *all, const char *name, bool *there)
{
	size_t low = 0, high = all->n;

	*there = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(all->named[middle]->spec->name, name);
		*there |= !order;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct proxy *proxy_find(const struct proxy_table *all, const char *name)
{
	bool there;
	size_t at = name_place(all, name, &there);

	return there ? all->named[at] : NULL;
}

/* Numbers rise in the order of making. */
static size_t number_place(const struct proxy_table *all, unsigned number)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (all->made[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct proxy *proxy_numbered(const struct proxy_table *all, unsigned number)
{
	size_t at = number_place(all, number);

	return at < all->n && all->made[at]->number == number ? all->made[at] : NULL;
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

static void table_add(struct proxy_table *all, struct proxy *p)
{
	bool there;
	size_t at = name_place(all, p->spec->name, &there);

	assert(!there);
	if (all->n == all->room) {
		all->room = all->room ? all->room * 2 : 16;
		all->made = xrealloc(all->made, all->room * sizeof *all->made);
		all->named = xrealloc(all->named, all->room * sizeof *all->named);
	}
	list_put(all->made, all->n, all->n, p);
	list_put(all->named, all->n, at, p);
	all->n++;
}

static void table_remove(struct proxy_table *all, struct proxy *p)
{
	bool there;

	list_take(all->made, all->n, number_place(all, p->number));
	list_take(all->named, all->n, name_place(all, p->spec->name, &there));
	all->n--;
}

static void expiry_fire(struct timer *t);

void proxy_table_init(struct proxy_table *all, struct workers *workers)
{
	*all = (struct proxy_table){ .workers = workers, .expiry.fire = expiry_fire };
}

static void proxy_free(struct proxy *p)
{
	spec_unref(p->spec);
	free(p->shards);
	free(p);
}

void proxy_table_free(struct proxy_table *all)
{
	for (size_t i = 0; i < all->n; i++)
		proxy_free(all->made[i]);
	free(all->made);
	free(all->named);
}

/* ---- sockets ---- */

/* Nobody is accepted from now on, and the address is free for others. The worker closes what is left. A
 * unix path stays until then. */
static void proxy_shut(struct proxy *p)
{
	if (p->fd >= 0 && !p->spec->listen.unix_path)
		shutdown(p->fd, SHUT_RD);
	p->fd = -1;
}

/* A socket for `to`. Its own old one may be in the way (0.0.0.0:80 is, of 127.0.0.1:80): then that goes first, and
 * comes back if it was not that. */
static int proxy_bind(const struct proxy *p, const struct spec *to, const struct endpoint *at, struct endpoint *bound)
{
	int fd = bind_listen(at, to->backlog, bound), listens = 0;
	socklen_t n = sizeof listens;

	if (fd != -EADDRINUSE || !p || p->fd < 0 || !endpoint_port(at) || endpoint_port(at) != endpoint_port(&p->at))
		return fd;
	getsockopt(p->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n);
	shutdown(p->fd, SHUT_RD);
	fd = bind_listen(at, to->backlog, bound);
	if (fd < 0 && listens)
		listen(p->fd, (int)p->spec->backlog);
	return fd;
}

/* ---- changes ---- */

/* Who has made what of it. */
static void tell(const struct proxy *p, const char *what, const struct waiter *by)
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
	journal_begin(&n, JOURNAL_CHANGED, p->all->workers->loop->now, s->name);
	journal_text(&n, "what", what);
	journal_text(&n, "by", by && by->by ? by->by : "vaurien");
	journal_text(&n, "listen", s->enabled ? s->listen.text : "nowhere");
	journal_text(&n, "backend", s->backend.text);
	journal_text(&n, "behavior", s->behavior);
	journal_text(&n, "rules", rules);
	journal_write(&n);
}

struct change {
	struct broadcast broadcast;
	struct proxy *proxy;
	struct spec *to;
	int fd;                         /* to listen on from now on; -1: as before */
	bool stop;                      /* listening as before */
	bool empty;
	struct waiter *waiter;
};

static void change_make(struct broadcast *r, struct worker *w)
{
	struct change *ch = (struct change *)r;
	struct shard *p = ch->proxy->shards[w->index];

	if (ch->stop && p->listener)
		listener_stop(p->listener);
	if (ch->empty)
		shard_close_all(p);
	if (p->plan)
		shard_change(p, ch->to);
	else
		shard_start(p, ch->to);
	if (ch->fd < 0 || w->index != 0)
		return;
	if (w->stopping)
		close(ch->fd);
	else
		listener_start(p, ch->fd, ch->to->listen.unix_path ? ch->to->listen.host : NULL);
}

static void change_made(struct broadcast *r)
{
	struct change *ch = (struct change *)r;

	if (ch->waiter)
		ch->waiter->done(ch->waiter);
	spec_unref(ch->to);
	free(ch);
}

static void change_begin(struct proxy *p, int fd, bool stop, bool empty, struct waiter *waiter)
{
	struct change *ch = xmalloc(sizeof *ch);
	struct spec *less = spec_without_expired(p->spec, 0, &p->expires);
	assert(!less);          /* at time 0 nothing is over */
	if (p->expires != VN_NEVER && (!p->all->expiry.slot || p->expires < p->all->expiry.due))
		timer_set(p->all->workers->loop, &p->all->expiry, p->expires);
	*ch = (struct change){ { change_make, change_made }, p, spec_ref(p->spec), fd, stop, empty, waiter && waiter->done ? waiter : NULL };
	broadcast_start(p->all->workers, &ch->broadcast);
}

int proxy_create(struct proxy_table *all, struct spec *to, const struct endpoint *at, struct waiter *waiter, struct proxy **made)
{
	struct endpoint bound = { .len = 0 };
	int fd = to->enabled ? proxy_bind(NULL, to, at, &bound) : -1;

	if (to->enabled && fd < 0)
		return -fd;
	struct proxy *p = xmalloc(sizeof *p);
	if (to->enabled)
		spec_with_bound_port(to, &bound);
	*p = (struct proxy){ .all = all, .number = ++all->last, .spec = to, .at = bound, .fd = fd };
	p->shards = xcalloc(all->workers->n, sizeof(struct shard *));
	shard_make(p->shards, all->workers->all, all->workers->n, p->number);
	table_add(all, p);
	tell(p, "created", waiter);
	change_begin(p, fd, false, false, waiter);
	if (made)
		*made = p;
	return 0;
}

int proxy_update(struct proxy *p, struct spec *to, const struct endpoint *at, bool empty, struct waiter *waiter)
{
	struct endpoint bound = at ? *at : p->at;
	bool binds = to->enabled && (at || p->fd < 0), stop = p->fd >= 0 && (binds || !to->enabled);
	int fd = binds ? proxy_bind(p, to, &bound, &bound) : -1;

	if (binds && fd < 0)
		return -fd;
	if (binds)
		spec_with_bound_port(to, &bound);
	empty |= !to->enabled || to->protocol != p->spec->protocol;
	if (stop)
		proxy_shut(p);
	if (binds)
		p->fd = fd;
	if (binds || at)
		p->at = binds ? bound : (struct endpoint){ .len = 0 };
	spec_unref(p->spec);
	p->spec = to;
	tell(p, "changed", waiter);
	change_begin(p, fd, stop, empty, waiter);
	return 0;
}

/* ---- rules that go by themselves ---- */

static void proxy_expire(struct proxy *p, vn_nsec now)
{
	vn_nsec next;
	struct waiter ttl = { .by = "ttl" };
	struct spec *less = spec_without_expired(p->spec, now, &next);

	if (!less)
		return;
	log_info("rules=%u of %u are over proxy=%s", p->spec->n_rules - less->n_rules, p->spec->n_rules, less->name);
	proxy_update(p, less, NULL, false, &ttl);
}

static void expiry_fire(struct timer *t)
{
	struct proxy_table *all = OWNER(proxy_table, expiry, t);
	vn_nsec now = all->workers->loop->now, next = VN_NEVER;

	for (size_t i = 0; i < all->n; i++) {
		if (all->made[i]->expires <= now)
			proxy_expire(all->made[i], now);
		if (all->made[i]->expires < next)
			next = all->made[i]->expires;
	}
	timer_set(all->workers->loop, &all->expiry, next);
}

/* ---- the end of one: told to leave first; when no mail for it can be under way any more, freed ---- */

struct removal {
	struct broadcast broadcast;
	struct proxy *proxy;
	struct waiter *waiter;
};

static void part_free(struct broadcast *r, struct worker *w)
{
	shard_free(((struct removal *)r)->proxy->shards[w->index]);
}

static void removal_over(struct broadcast *r)
{
	struct removal *rm = (struct removal *)r;

	proxy_free(rm->proxy);
	free(rm);
}

static void part_leave(struct broadcast *r, struct worker *w)
{
	shard_stop(((struct removal *)r)->proxy->shards[w->index]);
}

static void removal_made(struct broadcast *r)
{
	struct removal *rm = (struct removal *)r;

	if (rm->proxy->all->leaves)
		rm->proxy->all->leaves(rm->proxy);
	if (rm->waiter)
		rm->waiter->done(rm->waiter);
	rm->broadcast = (struct broadcast){ part_free, removal_over };
	broadcast_start(rm->proxy->all->workers, &rm->broadcast);
}

void proxy_remove(struct proxy *p, struct waiter *waiter)
{
	struct removal *rm = xmalloc(sizeof *rm);
	*rm = (struct removal){ { part_leave, removal_made }, p, waiter && waiter->done ? waiter : NULL };
	tell(p, "removed", waiter);
	table_remove(p->all, p);
	proxy_shut(p);
	broadcast_start(p->all->workers, &rm->broadcast);
}
