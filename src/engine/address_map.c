/* address_map.c - from the addresses by which servers call themselves to the proxies before them.
 */
#include "engine/address_map.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/plan.h"

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
	char key[ADDRESS_KEY_MAX];

	if (!address_key(a->unix_path ? a->text : a->host, strlen(a->unix_path ? a->text : a->host),
	                 a->unix_path ? 0 : (unsigned)a->port, key))
		return;
	m->entries = xrealloc(m->entries, (m->n + 1) * sizeof *m->entries);
	m->entries[m->n++] = (struct map_entry){ xstrdup(key), p };
}

static void map_make(struct address_map *m, struct worker *w)
{
	address_map_forget(m);
	for (struct shard *p = w->shards; p; p = p->next)
		entry_add(m, p, &shard_spec(p)->backend);
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

/* Can clients dial the proxy? One whose clients others accept, or that never had a port, has no
 * address; a unix socket is no answer to who asks for a port. */
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

static void place_write(struct conn *c, const struct shard *p, struct vn_place *other)
{
	const struct address *a = &shard_spec(p)->listen;
	struct address_map *m = &c->shard->worker->address_map;
	struct endpoint e;

	if (a->unix_path || !address_numeric(a, true, &e))
		snprintf(m->host, sizeof m->host, "%s", a->host);
	else if (endpoint_wildcard(&e))
		host_reached(c, &e, m->host, sizeof m->host);
	else
		endpoint_host(&e, m->host, sizeof m->host);
	other->host = (struct vn_span){ (const uint8_t *)m->host, strlen(m->host) };
	other->port = a->unix_path ? 0 : (unsigned)a->port;
}

static enum vn_mapped map_find(struct vn_session *t, struct vn_span host, unsigned port,
                               struct vn_place *other)
{
	struct conn *c = OWNER(conn, state, t->state);
	struct worker *w = c->shard->worker;
	struct address_map *m = &w->address_map;
	char key[ADDRESS_KEY_MAX];

	if (shard_spec(c->shard)->gate)
		return VN_MAP_SAME;     /* its connects are taken wherever they go */
	if (!address_key((const char *)host.p, host.n, port, key))
		return VN_MAP_SAME;
	if (!m->made)
		map_make(m, w);
	const struct shard *p = shard_before(m, key, c->shard, port);
	if (!p)
		return VN_MAP_SAME;
	place_write(c, p, other);
	return VN_MAP_OTHER;
}

void address_map_init(struct address_map *m)
{
	*m = (struct address_map){ .find = map_find };
}
