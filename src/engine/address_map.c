/* address_map.c - from the addresses by which servers call themselves to the proxies before them.
 */
#include "engine/address_map.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/journal.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/unmapped.h"
#include "rules/plan.h"

struct map_entry { char *key; struct shard *shard; };

void address_map_forget(struct address_map *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->entries[i].key);
	m->n = 0;
	m->made = false;
}

void address_map_free(struct address_map *m)
{
	address_map_forget(m);
	free(m->entries);
	m->entries = NULL;
}

/* ---- the map ---- */

static int entry_order(const void *a, const void *b)
{
	const struct map_entry *one = a, *other = b;
	int order = strcmp(one->key, other->key);

	return order                                            ? order :
	       one->shard->number < other->shard->number ? -1 : 1;
}

static void entry_add(struct address_map *m, struct shard *p, const struct address *a)
{
	const char *host = a->unix_path ? a->text : a->host;
	char key[ADDRESS_KEY_MAX];

	if (!address_key(host, strlen(host), a->unix_path ? 0 : (unsigned)a->port, key))
		return;
	m->entries = xrealloc(m->entries, (m->n + 1) * sizeof *m->entries);
	m->entries[m->n++] = (struct map_entry){ xstrdup(key), p };
}

static void known_add(struct address_map *m, struct shard *p)
{
	const struct topology_fields *f = shard_spec(p)->topology.opts;
	const char *at = f->known_as, *one;
	char text[ADDRESS_KEY_MAX], ignored[ERROR_MAX];
	size_t n;

	while (topology_known_next(&at, &one, &n)) {
		struct address a;
		snprintf(text, sizeof text, "%.*s", (int)n, one);
		if (!address_parse(&a, text, ignored, sizeof ignored))
			continue;
		entry_add(m, p, &a);
		address_free(&a);
	}
}

static void map_make(struct address_map *m, struct worker *w)
{
	address_map_forget(m);
	for (struct shard *p = w->shards; p; p = p->next) {
		entry_add(m, p, &shard_spec(p)->backend);
		known_add(m, p);
	}
	if (m->n)
		qsort(m->entries, m->n, sizeof *m->entries, entry_order);
	m->made = true;
}

static size_t first_of(const struct address_map *m, const char *key)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (strcmp(m->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Can clients dial the proxy? It has no address if others accept its clients, or if it never had a
 * port. A unix socket does not answer a question for a port. */
static bool can_be_dialed(const struct shard *p, unsigned port)
{
	const struct spec *s = shard_spec(p);

	return !s->gate && (s->listen.unix_path ? !port : s->listen.port > 0);
}

/* Of several proxies before one server: the asking one, else the first that speaks the same
 * protocol, else none. */
static const struct shard *shard_before(const struct address_map *m, const char *key,
                                        const struct shard *asks, unsigned port)
{
	const struct shard *found = NULL;

	for (size_t i = first_of(m, key); i < m->n && !strcmp(m->entries[i].key, key); i++) {
		const struct shard *p = m->entries[i].shard;
		if (shard_spec(p)->protocol != shard_spec(asks)->protocol ||
		    !can_be_dialed(p, port))
			continue;
		if (p == asks)
			return p;
		if (!found)
			found = p;
	}
	return found;
}

/* A backend that was given by name has an address once it is connected. Only connections of this
 * worker are looked at, and few of each proxy. */
static const struct shard *shard_connected(const struct conn *asks, const char *key, unsigned port)
{
	enum { LOOKS = 8 };
	char host[64], peer[ADDRESS_KEY_MAX];

	for (struct shard *p = asks->shard->worker->shards; p; p = p->next) {
		const struct spec *s = shard_spec(p);
		struct endpoint e;
		unsigned n = 0;
		if (s->protocol != shard_spec(asks->shard)->protocol || !can_be_dialed(p, port) ||
		    address_numeric(&s->backend, false, &e))
			continue;
		for (const struct conn *c = p->conns; c && n < LOOKS; c = c->next, n++) {
			e.len = sizeof e.addr;
			if (!c->backend.open ||
			    getpeername(c->backend.watch.fd, (struct sockaddr *)&e.addr, &e.len))
				continue;
			endpoint_host(&e, host, sizeof host);
			if (address_key(host, strlen(host), (unsigned)endpoint_port(&e), peer) &&
			    !strcmp(peer, key))
				return p;
		}
	}
	return NULL;
}

/* ---- the answer ---- */

static bool endpoint_wildcard(const struct endpoint *e)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&e->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&e->addr;

	return e->addr.ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) :
	                                       in->sin_addr.s_addr == INADDR_ANY;
}

/* The host of the client's socket at our end, for a proxy that listens on all addresses. */
static void host_reached(struct conn *c, const struct endpoint *all, char *host, size_t size)
{
	struct endpoint here = { .len = sizeof here.addr };
	bool v6 = all->addr.ss_family == AF_INET6;

	if (getsockname(c->client.watch.fd, (struct sockaddr *)&here.addr, &here.len) ||
	    here.addr.ss_family == AF_UNIX)
		here.len = 0;
	snprintf(host, size, "%s", v6 ? "::1" : "127.0.0.1");
	if (!here.len || (here.addr.ss_family == AF_INET6 && !v6 &&
	                  !IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)&here.addr)->sin6_addr)))
		return;
	endpoint_host(&here, host, size);
	if (!strncmp(host, "::ffff:", 7) && strchr(host, '.'))
		memmove(host, host + 7, strlen(host + 7) + 1);
}

/* `at`: where the proxy listens; NULL: `name` is its host. */
static void place_write(struct conn *c, const struct endpoint *at, const char *name, unsigned port,
                        struct vn_place *other)
{
	struct address_map *m = &c->shard->worker->address_map;

	if (!at)
		snprintf(m->host, sizeof m->host, "%s", name);
	else if (endpoint_wildcard(at))
		host_reached(c, at, m->host, sizeof m->host);
	else
		endpoint_host(at, m->host, sizeof m->host);
	other->host = (struct vn_span){ (const uint8_t *)m->host, strlen(m->host) };
	other->port = port;
}

static void place_of(struct conn *c, const struct shard *p, struct vn_place *other)
{
	const struct address *a = &shard_spec(p)->listen;
	struct endpoint e;
	bool number = !a->unix_path && address_numeric(a, true, &e);

	place_write(c, number ? &e : NULL, a->host, a->unix_path ? 0 : (unsigned)a->port, other);
}

/* ---- addresses before which no proxy stands ---- */

static void bypass_tell(struct conn *c, const char *key, int error)
{
	const struct spec *s = shard_spec(c->shard);
	struct journal_entry n;

	if (error)
		log_warning("proxy=%s: its server names %s to clients, and no proxy could be added "
		            "before it: %s", s->name, key,
		            error == ENOSPC ? "--discover allows no more" : strerror(error));
	else
		log_warning("proxy=%s: its server names %s to clients, and no proxy stands before "
		            "it: connections to it pass by (unmapped = add makes a proxy; known_as "
		            "assigns the address to one)", s->name, key);
	if (!journal_wants(JOURNAL_BYPASS))
		return;
	journal_begin(&n, JOURNAL_BYPASS, conn_loop(c)->now, s->name);
	journal_count(&n, "connection", c->number);
	journal_text(&n, "address", key);
	journal_write(&n);
}

/* 0: `at` is where a proxy listens for it from now on. */
static int address_add(struct conn *c, struct unmapped *u, struct unmapped_address *a,
                       struct endpoint *at)
{
	const struct spec *s = shard_spec(c->shard);
	struct endpoint like;
	int error = 0;

	if (a->fate != UNMAPPED_ADDING) {
		address_numeric(&s->listen, true, &like);
		error = unmapped_add(u, a, &like, s->backlog);
	}
	*at = a->at;
	return error;
}

static enum vn_mapped unmapped_decide(struct conn *c, const char *key, struct vn_place *other)
{
	static const enum unmapped_fate fates[] = { UNMAPPED_PASSED, UNMAPPED_ADDED,
		                                    UNMAPPED_HIDDEN };
	struct unmapped *u = c->shard->worker->address_map.unmapped;
	const struct spec *s = shard_spec(c->shard);
	const struct topology_fields *f = s->topology.opts;
	enum unmapped_fate wanted = UNMAPPED_PASSED, was = UNMAPPED_PASSED;
	const struct telling telling = { key, c->shard->number, s->protocol,
		                         c->number << 32 ^ c->response.came ^ c->response.offset };
	enum unmapped_news news;
	int error = 0;
	struct endpoint at;

	for (unsigned i = 0; topology_unmapped[i]; i++)
		if (!strcmp(f->unmapped, topology_unmapped[i]))
			wanted = fates[i];
	pthread_mutex_lock(&u->lock);
	struct unmapped_address *a = unmapped_note(u, &telling, &news);
	if (a)
		was = a->fate;
	if (wanted == UNMAPPED_ADDED && (error = a ? address_add(c, u, a, &at) : ENOSPC))
		wanted = UNMAPPED_PASSED;
	if (a && wanted != UNMAPPED_ADDED)
		a->fate = wanted;
	pthread_mutex_unlock(&u->lock);
	if (wanted == UNMAPPED_PASSED && news != UNMAPPED_COUNTED)
		stats_add(&c->shard->stats, STAT_BYPASSES, 1);
	if (a && (news == UNMAPPED_FIRST || was != wanted) && wanted == UNMAPPED_PASSED)
		bypass_tell(c, key, error);
	if (wanted != UNMAPPED_ADDED)
		return wanted == UNMAPPED_HIDDEN ? VN_MAP_HIDE : VN_MAP_SAME;
	place_write(c, &at, NULL, (unsigned)endpoint_port(&at), other);
	return VN_MAP_OTHER;
}

/* ---- the question ---- */

/* The key; with an empty host that of the backend itself. */
static bool key_asked(const struct spec *s, struct vn_span host, unsigned port,
                      char key[ADDRESS_KEY_MAX])
{
	const char *text = (const char *)host.p;

	if (!host.n) {
		text = s->backend.unix_path ? "" : s->backend.host;
		host.n = strlen(text);
	}
	return address_key(text, host.n, port, key);
}

static void tell_note(const struct shard *teller, const struct shard *of)
{
	atomic_store_explicit(&teller->siblings[0]->tells_of, of->number, memory_order_relaxed);
	atomic_store_explicit(&of->siblings[0]->told_by, teller->number, memory_order_relaxed);
}

/* Of a gate, connects are taken wherever they go. */
bool address_map_rewrites(const struct shard *p)
{
	const struct spec *s = shard_spec(p);
	const struct topology_fields *f = s->topology.opts;

	return !s->gate && *f->topology != 'p' && s->protocol->names_servers;
}

static enum vn_mapped map_find(struct vn_session *t, struct vn_span host, unsigned port,
                               struct vn_place *other)
{
	struct conn *c = OWNER(conn, state, t->state);
	struct address_map *m = &c->shard->worker->address_map;
	const struct spec *s = shard_spec(c->shard);
	const struct topology_fields *f = s->topology.opts;
	char key[ADDRESS_KEY_MAX];

	if (s->gate || *f->topology == 'p')
		return VN_MAP_SAME;     /* of a gate, connects are taken wherever they go */
	if (!key_asked(s, host, port, key))
		return VN_MAP_SAME;
	if (!m->made)
		map_make(m, c->shard->worker);
	const struct shard *p = shard_before(m, key, c->shard, port);
	if (!p)
		p = shard_connected(c, key, port);
	if (*f->topology == 'h' && p != c->shard)
		return VN_MAP_HIDE;
	if (!p)
		return m->unmapped ? unmapped_decide(c, key, other) : VN_MAP_SAME;
	if (p != c->shard)
		tell_note(c->shard, p);
	place_of(c, p, other);
	return VN_MAP_OTHER;
}

/* ---- elsewhere ---- */

static const struct shard *shard_elsewhere(const struct shard *self)
{
	unsigned tells_of = atomic_load_explicit(&self->siblings[0]->tells_of,
	                                         memory_order_relaxed),
	         told_by = atomic_load_explicit(&self->siblings[0]->told_by, memory_order_relaxed);
	const struct shard *by = NULL, *any = NULL;

	for (const struct shard *p = self->worker->shards; p; p = p->next) {
		if (shard_spec(p)->protocol != shard_spec(self)->protocol || p == self ||
		    (!shard_spec(p)->gate && !can_be_dialed(p, 1)))
			continue;
		if (p->number == tells_of)
			return p;
		if (p->number == told_by)
			by = p;
		if (!any || p->number < any->number)
			any = p;
	}
	return by ? by : any ? any : self;
}

static enum vn_mapped map_elsewhere(struct vn_session *t, struct vn_place *other)
{
	struct conn *c = OWNER(conn, state, t->state);
	const struct shard *p = shard_elsewhere(c->shard);
	const struct address *backend = &shard_spec(p)->backend;

	if (shard_spec(p)->gate && !backend->unix_path)
		place_write(c, NULL, backend->host, (unsigned)backend->port, other);
	else
		place_of(c, p, other);
	return VN_MAP_OTHER;
}

void address_map_init(struct address_map *m, struct unmapped *u)
{
	*m = (struct address_map){ .find = map_find, .elsewhere = map_elsewhere,
		                    .unmapped = u };
}
