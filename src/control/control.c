/* control.c - the control thread: specs as the one truth, changes out to the workers, answers back. */
#include "control/control.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/bind.h"
#include "net/congestion.h"
#include "control/events.h"
#include "api/server.h"
#include "engine/listener.h"
#include "base/log.h"
#include "plugins/plugin.h"
#include "control/reload.h"
#include "control/statsd.h"
#include "engine/shard.h"
#include "engine/worker.h"

struct control {
	struct loop loop;
	struct settings *settings;
	bool reloading, reload_again;   /* again: SIGHUP came while it was */
	struct resolver *resolver;
	struct workers workers;
	struct proxy_table proxies;
	struct http *http;
	struct statsd *statsd;
	struct watch log, signals;
	unsigned stopping;              /* workers that have not said goodbye yet */
};

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

/* ---- the proxies ---- */

struct proxy_table *control_proxies(struct control *c)
{
	return &c->proxies;
}

size_t control_count(struct control *c)
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

struct spec *proxy_spec(const struct proxy *p)
{
	return p->spec;
}

unsigned proxy_number(const struct proxy *p)
{
	return p->number;
}

void proxy_totals(const struct proxy *p, struct totals *f)
{
	*f = (struct totals){ 0 };
	for (unsigned k = 0; k < p->all->workers->n; k++)
		totals_add(f, &p->shards[k]->stats);
}

void control_broadcast(struct control *c, struct broadcast *broadcast)
{
	broadcast_start(&c->workers, broadcast);
}

unsigned control_workers(struct control *c)
{
	return c->workers.n;
}

const struct worker *control_worker(struct control *c, unsigned k)
{
	assert(k < c->workers.n);
	return &c->workers.all[k];
}

void control_change(struct control *c, struct proxy *p, struct spec *to, struct waiter *waiter)
{
	int error = proxy_update(p, to, NULL, false, waiter);

	assert(!error);
}

/* ---- the end: workers send what is due, then say goodbye ---- */

struct shutdown_notice {
	struct mail mail;
	struct control *control;
	struct worker *worker;
	struct timer timer;
	vn_nsec until;
};

static void shutdown_heard(struct mail *m)
{
	struct shutdown_notice *g = (struct shutdown_notice *)m;

	if (!--g->control->stopping)
		g->control->loop.stop = true;
	free(g);
}

static void shutdown_check(struct timer *t)
{
	struct shutdown_notice *g = OWNER(shutdown_notice, timer, t);
	struct worker *w = g->worker;
	bool all = true;

	for (struct shard *p = w->shards; p; p = p->next)
		all &= shard_drain(p);
	if ((!all || w->drains.first) && w->loop.now < g->until) {
		timer_set(&w->loop, t, w->loop.now + 10 * VN_MS);
		return;
	}
	w->loop.stop = true;
	g->mail.open = shutdown_heard;
	loop_post(&g->control->loop, &g->mail);
}

static void shutdown_begin(struct mail *m)
{
	struct shutdown_notice *g = (struct shutdown_notice *)m;

	g->worker->stopping = true;
	for (struct shard *p = g->worker->shards; p; p = p->next)
		if (p->listener)
			listener_stop(p->listener);
	g->timer.fire = shutdown_check;
	g->until = g->worker->loop.now + VN_S;
	timer_set(&g->worker->loop, &g->timer, g->worker->loop.now);
}

static void control_stop(struct control *c)
{
	if (c->stopping)
		return;
	c->stopping = (unsigned)c->settings->threads;
	for (unsigned k = 0; k < c->settings->threads; k++) {
		struct shutdown_notice *g = xcalloc(1, sizeof *g);
		*g = (struct shutdown_notice){ .mail.open = shutdown_begin, .control = c, .worker = &c->workers.all[k] };
		loop_post(&c->workers.all[k].loop, &g->mail);
	}
}

/* ---- what the control loop watches ---- */

static void reload(struct control *c);

static void reload_over(struct control *c)
{
	c->reloading = false;
	if (c->reload_again)
		reload(c);
}

static void reload(struct control *c)
{
	c->reload_again = c->reloading;
	if (c->reloading || c->stopping || !c->settings->read)
		return;
	c->reloading = true;
	reload_begin(c, c->settings, reload_over);
}

static void signal_ready(struct watch *w, unsigned events)
{
	struct control *c = OWNER(control, signals, w);
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGHUP) {
			control_stop(c);
			continue;
		}
		plugins_reload();
		reload(c);
	}
}

static void log_ready(struct watch *w, unsigned events)
{
	uint64_t n;

	while (read(w->fd, &n, sizeof n) > 0)
		;
	log_drain();
}

static void watch_signals(struct control *c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);         /* before there are threads: all inherit it */
	signal(SIGPIPE, SIG_IGN);
	c->signals = (struct watch){ signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), signal_ready };
	assert(c->signals.fd >= 0);
	loop_watch(&c->loop, &c->signals, EPOLLIN);
	c->log = (struct watch){ log_start(), log_ready };
	loop_watch(&c->loop, &c->log, EPOLLIN | EPOLLET);
}

/* ---- from start to end ---- */

static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void say_start(const struct settings *s)
{
	log_info("Starting the Chaos TCP Server");
	log_info("Options:");
	for (size_t i = 0; i < s->n_proxies; i++)
		log_info("* proxies from %s to %s", s->proxies[i]->listen.text, s->proxies[i]->backend.text);
	log_info("* timeout: %.15g", s->timeout);
	log_info("* stay_connected: %d", s->stay_connected);
	log_info("* pool_max_size: %lld", (long long)s->pool_max_size);
	log_info("* pool_timeout: %lld", (long long)s->pool_timeout);
	log_info("* async_mode: %d", !s->sync);
	log_info("* seed: %llu", (unsigned long long)s->seed);
}

static void proxy_leaves(const struct proxy *p)
{
	struct control *c = OWNER(control, proxies, p->all);

	if (c->statsd)
		statsd_leaves(c->statsd, p);
}

static void make_workers(struct control *c)
{
	const struct settings *s = c->settings;
	struct worker_config words = { s->seed, s->bufsize, s->hold_total, s->splice_from, s->reno && congestion_paces() };
	unsigned n = (unsigned)s->threads;

	struct worker *all = xcalloc(n, sizeof *all);
	for (unsigned k = 0; k < n; k++)
		worker_init(&all[k], all, k, n, c->resolver, &words);
	c->workers = (struct workers){ .loop = &c->loop, .all = all, .n = n, .alone = true };
	proxy_table_init(&c->proxies, &c->workers);
	c->proxies.leaves = proxy_leaves;
}

static void start_workers(struct control *c)
{
	c->workers.alone = false;
	for (unsigned k = 0; k < c->workers.n; k++)
		worker_start(&c->workers.all[k]);
}

/* May it go on without that proxy and those behind it? */
static bool lenient(const struct control *c, const char *error)
{
	if (c->settings->lenient)
		log_error("%s", error);
	return c->settings->lenient;
}

/* All of them listen, before any has a client. */
static bool create_proxies(struct control *c, char error[ERROR_MAX])
{
	struct waiter start = { .by = "start" };

	for (size_t i = 0; i < c->settings->n_proxies; i++) {
		struct spec *s = c->settings->proxies[i];
		struct endpoint at = { .len = 0 };
		if (s->enabled && !bind_resolve(&s->listen, &at, error, ERROR_MAX))
			return lenient(c, error);
		int why = proxy_create(&c->proxies, s, &at, &start, NULL);
		if (why) {
			error_format(error, "cannot listen on '%s': %s", s->listen.text, strerror(why));
			return lenient(c, error);
		}
		spec_ref(s);
	}
	return true;
}

static void finish(struct control *c)
{
	if (c->http)
		http_stop(c->http);
	for (unsigned k = 0; k < c->workers.n; k++) {
		if (!c->workers.alone)
			pthread_join(c->workers.all[k].thread, NULL);
		c->workers.all[k].stopping = true;
	}
	c->workers.alone = true;
	resolver_stop(c->resolver);
	statsd_stop(c->statsd);
	c->statsd = NULL;
	for (unsigned k = 0; k < c->workers.n; k++)
		worker_end(&c->workers.all[k]);
	for (unsigned k = 0; k < c->workers.n; k++)      /* a last change may have been on its way */
		worker_free(&c->workers.all[k]);
	events_stop();
	loop_free(&c->loop);
	proxy_table_free(&c->proxies);
	free(c->workers.all);
	log_info("Bye!");
	log_stop();
	close(c->signals.fd);
}

int control_run(struct settings *s)
{
	struct control c = { .settings = s };
	char error[ERROR_MAX];
	int rc = 0;

	raise_descriptors();
	loop_init(&c.loop);
	watch_signals(&c);
	c.resolver = resolver_start();
	make_workers(&c);
	if (!events_start(&c.loop, s->events, error) || !create_proxies(&c, error)) {
		rc = 1;
	} else {
		say_start(s);
		start_workers(&c);
		c.statsd = statsd_start(&c);
		if (s->http && !(c.http = http_start(&c, error))) {
			rc = 1;
			control_stop(&c);
		}
		loop_run(&c.loop);
	}
	if (rc) {
		log_drain();
		fprintf(stderr, "%s\n", error);
	}
	finish(&c);
	return rc;
}
