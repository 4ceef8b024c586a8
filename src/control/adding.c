/* adding.c - proxies that are made on demand, before addresses that servers tell their clients. */
#include "control/adding.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/unmapped.h"

enum { NAME_ROOM = 65 };                /* of a proxy's name */

struct settling {                       /* a proxy that the workers are about to have */
	struct waiter waiter;
	struct unmapped *table;
	unsigned made;
};

/* The address, without what a name may not have. "-2" and so on if that is taken. */
static void name_find(const struct proxy_table *table, const char *backend, char name[NAME_ROOM])
{
	char base[NAME_ROOM - 8];

	snprintf(base, sizeof base, "%.*s", (int)sizeof base - 1, backend);
	for (char *c = base; *c; c++)
		*c = isgraph((unsigned char)*c) && !strchr("/?#%", *c) ? *c : '-';
	snprintf(name, NAME_ROOM, "%s", base);
	for (unsigned n = 2; proxy_find(table, name); n++)
		snprintf(name, NAME_ROOM, "%s-%u", base, n);
}

static void settled(struct waiter *w)
{
	struct settling *s = OWNER(settling, waiter, w);

	unmapped_settled(s->table, s->made);
	free(s);
}

/* NULL: the address cannot be a backend. */
static struct spec *spec_added(const struct proxy *like, const char *name, const char *backend,
                               const struct endpoint *at)
{
	struct spec *twin = spec_twin(proxy_spec(like), name), *aimed, *made;
	char error[ERROR_MAX], text[128];
	struct address listen;

	aimed = spec_with_backend(twin, backend, error);
	spec_unref(twin);
	if (!aimed || !address_parse(&listen, endpoint_show(at, text, sizeof text), error,
	                             sizeof error)) {
		log_error("no proxy is added before a server: %s", error);
		spec_unref(aimed);
		return NULL;
	}
	made = spec_with_address(aimed, &listen);
	address_free(&listen);
	spec_unref(aimed);
	made->enabled = true;
	opt_set_string(&made->topology, topology_options, NULL);        /* known_as */
	return made;
}

static void addition_take(struct mail *m)
{
	struct addition *ask = OWNER(addition, mail, m);
	struct unmapped *u = ask->table;
	struct proxy_table *table = u->owner;
	struct proxy *like = table->workers->alone ? NULL : proxy_numbered(table, ask->proxy), *p;
	char name[NAME_ROOM];
	struct spec *to = NULL;

	if (like) {
		name_find(table, ask->backend, name);
		to = spec_added(like, name, ask->backend, &ask->at);
	}
	if (!to) {
		close(ask->fd);
		unmapped_made(u, ask, 0);
		free(ask);
		return;
	}
	struct settling *s = xmalloc(sizeof *s);
	*s = (struct settling){ .waiter = { settled, proxy_spec(like)->name }, .table = u };
	p = proxy_adopt(table, to, ask->fd, &ask->at, &s->waiter);
	s->made = proxy_number(p);
	unmapped_made(u, ask, s->made);
	log_info("proxy=%s is added: from %s to %s, which the server of proxy %s names",
	         to->name, to->listen.text, to->backend.text, proxy_spec(like)->name);
	free(ask);
}

void adding_init(struct unmapped *u, struct proxy_table *table, int64_t most)
{
	u->most = most;
	u->control = table->workers->loop;
	u->add = addition_take;
	u->owner = table;
	table->unmapped = u;
}
