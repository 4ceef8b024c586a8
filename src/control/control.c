/* control.c - the control thread's service: the table of proxies, and changes to it for all
 * workers. */
#include "control/control.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/worker.h"
#include "net/congestion.h"

struct control {
	struct loop loop;
	struct settings *settings;
	struct resolver *resolver;
	struct workers workers;
	struct proxy_table proxies;
};

/* ---- life ---- */

static void workers_init(struct control *c)
{
	const struct settings *s = c->settings;
	struct worker_config config = {
		.seed = s->seed, .bufsize = s->bufsize, .hold_total = s->hold_total,
		.bulk = s->splice_from, .reno = s->reno && congestion_paces(),
	};
	unsigned n = (unsigned)s->threads;
	struct worker *all = xcalloc(n, sizeof *all);

	for (unsigned k = 0; k < n; k++)
		worker_init(&all[k], all, k, n, c->resolver, &config);
	c->workers = (struct workers){ .loop = &c->loop, .all = all, .n = n, .alone = true };
}

struct control *control_new(struct settings *settings)
{
	struct control *c = xcalloc(1, sizeof *c);

	c->settings = settings;
	loop_init(&c->loop);
	c->resolver = resolver_start();
	workers_init(c);
	proxy_table_init(&c->proxies, &c->workers);
	return c;
}

void control_start_workers(struct control *c)
{
	c->workers.alone = false;
	for (unsigned k = 0; k < c->workers.n; k++)
		worker_start(&c->workers.all[k]);
}

void control_join_workers(struct control *c)
{
	for (unsigned k = 0; k < c->workers.n; k++) {
		if (!c->workers.alone)
			pthread_join(c->workers.all[k].thread, NULL);
		c->workers.all[k].stopping = true;
	}
	c->workers.alone = true;
	resolver_stop(c->resolver);
}

/* A worker's mail may be for any worker's connections, so all of these end before a worker is
 * freed. */
void control_free_workers(struct control *c)
{
	for (unsigned k = 0; k < c->workers.n; k++)
		worker_end(&c->workers.all[k]);
	for (unsigned k = 0; k < c->workers.n; k++)
		worker_free(&c->workers.all[k]);
}

void control_free(struct control *c)
{
	loop_free(&c->loop);
	proxy_table_free(&c->proxies);
	free(c->workers.all);
	free(c);
}

/* ---- what it owns ---- */

struct loop *control_loop(struct control *c)
{
	return &c->loop;
}

const struct settings *control_settings(struct control *c)
{
	return c->settings;
}

struct resolver *control_resolver(struct control *c)
{
	return c->resolver;
}

struct workers *control_workers(struct control *c)
{
	return &c->workers;
}

struct proxy_table *control_proxies(struct control *c)
{
	return &c->proxies;
}

/* ---- the proxies ---- */

size_t control_proxy_count(struct control *c)
{
	return c->proxies.n;
}

struct proxy *control_proxy(struct control *c, size_t i)
{
	assert(i < c->proxies.n);
	return c->proxies.made[i];
}

struct proxy *control_find(struct control *c, const char *name)
{
	return proxy_find(&c->proxies, name);
}

struct proxy *control_numbered(struct control *c, unsigned number)
{
	return proxy_numbered(&c->proxies, number);
}

void control_change(struct control *c, struct proxy *p, struct spec *to, struct waiter *waiter)
{
	int error = proxy_update(p, to, NULL, false, waiter);

	assert(!error);                 /* nothing is bound without an address */
}

/* ---- the workers ---- */

void control_broadcast(struct control *c, struct broadcast *broadcast)
{
	broadcast_start(&c->workers, broadcast);
}

unsigned control_worker_count(struct control *c)
{
	return c->workers.n;
}

const struct worker *control_worker(struct control *c, unsigned k)
{
	assert(k < c->workers.n);
	return &c->workers.all[k];
}
