/* control.c - state of the control thread: its loop, the workers, the table of proxies. */
#include "control/control.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "control/adding.h"
#include "engine/unmapped.h"
#include "engine/worker.h"
#include "net/congestion.h"

struct control {
	struct loop loop;
	struct settings *settings;
	struct resolver *resolver;
	struct workers workers;
	struct proxy_table proxies;
	struct unmapped unmapped;
};

/* ---- start and stop ---- */

/* False: errno says why, and there are none. */
static bool workers_init(struct control *c)
{
	const struct settings *s = c->settings;
	struct worker_config config = {
		.seed = s->seed, .bufsize = s->bufsize, .hold_total = s->hold_total,
		.bulk = s->splice_from, .reno = s->reno && congestion_paces(),
		.unmapped = &c->unmapped, .tls_timeout = s->tls.timeout,
	};
	unsigned n = (unsigned)s->threads, made = 0;
	struct worker *all = xcalloc(n, sizeof *all);

	while (made < n && worker_init(&all[made], all, made, n, c->resolver, &config))
		made++;
	int error = errno;
	for (unsigned k = 0; made < n && k < made; k++)
		worker_free(&all[k]);
	c->workers = (struct workers){ .loop = &c->loop, .all = all, .n = n, .alone = true };
	errno = error;
	if (made == n)
		return true;
	free(all);
	return false;
}

struct control *control_new(struct settings *settings, char error[ERROR_MAX])
{
	struct control *c = xcalloc(1, sizeof *c);
	int why = 0;

	c->settings = settings;
	if (!loop_init(&c->loop)) {
		why = errno;
	} else if (c->resolver = resolver_start(), !workers_init(c)) {
		why = errno;
		resolver_stop(c->resolver);
		loop_free(&c->loop);
	}
	if (!why) {
		proxy_table_init(&c->proxies, &c->workers);
		unmapped_init(&c->unmapped);
		adding_init(&c->unmapped, &c->proxies, settings->discover);
		return c;
	}
	free(c);
	error_format(error, "cannot start the threads: %s",
	             strerror(why));
	return NULL;
}

struct worker_end {                     /* mail to a worker that is to end */
	struct mail mail;
	struct worker *worker;
};

static void worker_end_open(struct mail *m)
{
	OWNER(worker_end, mail, m)->worker->loop.stop = true;
}

static void worker_join(struct worker *w)
{
	struct worker_end end = { { .open = worker_end_open }, w };

	loop_post(&w->loop, &end.mail);
	pthread_join(w->thread, NULL);
}

bool control_start_workers(struct control *c, char error[ERROR_MAX])
{
	unsigned started = 0;
	int why = 0;

	while (started < c->workers.n && !(why = worker_start(&c->workers.all[started])))
		started++;
	c->workers.alone = why;
	for (unsigned k = 0; why && k < started; k++)
		worker_join(&c->workers.all[k]);
	if (why)
		error_format(error, "cannot start the threads: %s", strerror(why));
	return !why;
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
	unmapped_free(&c->unmapped);
	free(c->workers.all);
	free(c);
}

/* ---- accessors ---- */

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

	assert(!error);                 /* without an address nothing is bound */
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
