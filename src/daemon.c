/* daemon.c - the running program: proxies, control API, statsd, signals, from start to end.
 *
 * The composition root: the only file that knows the control service and all that is built on
 * it. */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/server.h"
#include "base/log.h"
#include "control/control.h"
#include "control/events.h"
#include "control/reload.h"
#include "control/shutdown.h"
#include "control/signals.h"
#include "control/statsd.h"
#include "net/bind.h"
#include "plugins/plugin.h"
#include "spec/registry.h"
#include "spec/rule_warning.h"

/* Descriptors that are free when all has started: for a client with its backend, two clients of the
 * API, what /metrics reads, a look-up. */
enum { FREE_LEAST = 6 };

struct daemon {
	struct settings *settings;
	struct control *control;        /* NULL: it could not be made */
	struct server *server;          /* NULL: not served */
	struct statsd *statsd;          /* NULL: off */
	struct watch log;
	struct timer log_retry;
	struct signals_user signals;
	struct shutdown shutdown;
	bool reloading, reload_again;   /* again: a SIGHUP came during a reload */
};

/* ---- signals ---- */

static void reload(struct daemon *d);

static void reload_done(void *daemon)
{
	struct daemon *d = daemon;

	d->reloading = false;
	if (d->reload_again)
		reload(d);
}

static void reload(struct daemon *d)
{
	d->reload_again = d->reloading;
	if (d->reloading || d->shutdown.workers || !d->settings->read)
		return;
	d->reloading = true;
	reload_begin(d->control, d->settings, reload_done, d);
}

static void stop_signal(struct signals_user *u)
{
	struct daemon *d = OWNER(daemon, signals, u);

	shutdown_start(&d->shutdown, control_workers(d->control));
}

static void reload_signal(struct signals_user *u)
{
	plugins_reload();
	reload(OWNER(daemon, signals, u));
}

/* ---- the log: other threads write lines into a ring, the control thread writes them out ---- */

/* What its reader does not take now is tried again in a tenth of a second. */
static void log_write(struct daemon *d)
{
	struct loop *l = control_loop(d->control);

	if (!log_drain())
		timer_set(l, &d->log_retry, l->now + 100 * VN_MS);
}

static void log_retry(struct timer *t)
{
	log_write(OWNER(daemon, log_retry, t));
}

static void log_ready(struct watch *w, unsigned events)
{
	uint64_t n;

	while (read(w->fd, &n, sizeof n) > 0)
		;
	log_write(OWNER(daemon, log, w));
}

/* ---- start ---- */

static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void log_settings(const struct settings *s)
{
	log_info("Starting the Chaos TCP Server");
	log_info("Options:");
	for (size_t i = 0; i < s->n_proxies; i++)
		log_info("* proxies from %s to %s", s->proxies[i]->listen.text,
		         s->proxies[i]->backend.text);
	log_info("* timeout: %.15g", s->timeout);
	log_info("* stay_connected: %d", s->stay_connected);
	if (s->given.pool_max_size)
		log_info("* pool_max_size: %lld", (long long)s->pool_max_size);
	if (s->given.pool_timeout)
		log_info("* pool_timeout: %lld", (long long)s->pool_timeout);
	if (s->given.sync)
		log_info("* async_mode: %d", !s->sync);
	log_info("* seed: %llu", (unsigned long long)s->seed);
}

/* A backend on the port of a server that has a protocol here, but carried as tcp. */
static void log_hint(const struct spec *s)
{
	static const struct { int port; const char *protocol; } known[] = {
		{ 3306, "mysql" }, { 5432, "postgres" }, { 6379, "redis" }, { 11211, "memcache" },
		{ 25, "smtp" }, { 80, "http" },
	};

	if (s->protocol->request)
		return;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (s->backend.port == known[i].port && protocol_find(known[i].protocol))
			log_info("%s: port %d is usually %s; with --protocol %s faults can hit "
			         "single requests and send real errors", s->name, known[i].port,
			         known[i].protocol, known[i].protocol);
}

/* "db: mysql on 0.0.0.0:3307 -> 127.0.0.1:3306, 10:delay, 2 rules" */
static void log_proxy(const struct spec *s)
{
	char warning[ERROR_MAX], rules[32] = "";
	unsigned others = 0;

	for (unsigned i = 0; i < s->n_rules; i++)
		others += !rule_in_group(&s->rules[i]);
	if (others)
		snprintf(rules, sizeof rules, ", %u %s", others, others == 1 ? "rule" : "rules");
	log_info("%s: %s on %s -> %s, %s%s%s", s->name, s->protocol->name, s->listen.text,
	         s->backend.text, s->behavior, rules, s->enabled ? "" : ", disabled");
	for (unsigned i = 0; i < s->n_rules; i++)
		if (rule_warning(&s->rules[i], 0, warning))
			log_warning("proxy=%s rule=%s %s", s->name, s->rules[i].name, warning);
}

static void log_proxies(const struct settings *s)
{
	for (size_t i = 0; i < s->n_proxies; i++) {
		log_proxy(s->proxies[i]);
		if (!s->dialect)        /* Toxiproxy has no protocols */
			log_hint(s->proxies[i]);
	}
}

/* A proxy that cannot listen is an error, or (settings->lenient) is logged, and the start goes
 * on. */
static bool lenient(const struct daemon *d, const char *error)
{
	if (d->settings->lenient)
		log_error("%s", error);
	return d->settings->lenient;
}

/* All of them listen before a client is accepted. The first that cannot listen is the last
 * tried. */
static bool create_proxies(struct daemon *d, char error[ERROR_MAX])
{
	struct waiter start = { .by = "start" };

	for (size_t i = 0; i < d->settings->n_proxies; i++) {
		struct spec *s = d->settings->proxies[i];
		struct endpoint at = { .len = 0 };
		if (s->enabled && !bind_resolve(&s->listen, &at, error, ERROR_MAX))
			return lenient(d, error);
		int why = proxy_create(control_proxies(d->control), s, &at, &start, NULL);
		if (why) {
			error_format(error, "cannot listen on '%s': %s", s->listen.text,
			             strerror(why));
			return lenient(d, error);
		}
		spec_ref(s);
	}
	return true;
}

/* False: `error` has one sentence. */
static bool descriptors_left(char error[ERROR_MAX])
{
	struct rlimit r = { 0 };
	int fds[FREE_LEAST], n = 0;

	while (n < FREE_LEAST && (fds[n] = eventfd(0, EFD_CLOEXEC)) >= 0)
		n++;
	for (int i = 0; i < n; i++)
		close(fds[i]);
	if (n == FREE_LEAST)
		return true;
	getrlimit(RLIMIT_NOFILE, &r);
	error_format(error, "descriptors: expected a limit of at least %llu, got %llu"
	             " (see ulimit -n)", (unsigned long long)r.rlim_cur + FREE_LEAST - (unsigned)n,
	             (unsigned long long)r.rlim_cur);
	return false;
}

/* False: `error` has one sentence. */
static bool daemon_open(struct daemon *d, struct settings *s, char error[ERROR_MAX])
{
	raise_descriptors();
	*d = (struct daemon){
		.settings = s,
		.log_retry.fire = log_retry,
		.signals = { stop_signal, reload_signal },
	};
	if (!signals_start(&d->signals, error))
		return false;
	d->log = (struct watch){ log_start(), log_ready };
	if (d->log.fd < 0) {
		error_format(error, "cannot start the log: %s", strerror(errno));
		return false;
	}
	d->control = control_new(s, error);
	if (!d->control)
		return false;
	if (!loop_watch(control_loop(d->control), &d->log, EPOLLIN | EPOLLET)) {
		error_format(error, "cannot start the log: %s", strerror(errno));
		return false;
	}
	signals_set_loop(control_loop(d->control));
	return true;
}

static bool server_open(struct daemon *d, char error[ERROR_MAX])
{
	if (!d->settings->http)
		return true;
	d->server = server_start(d->control, error);
	return d->server;
}

/* False: `error` has one sentence. The loop has run, if it was to, in any case. */
static bool daemon_serve(struct daemon *d, char error[ERROR_MAX])
{
	struct loop *loop = control_loop(d->control);
	bool good = events_start(loop, d->settings->events, error) && create_proxies(d, error);

	if (!good)
		return false;
	log_settings(d->settings);
	log_proxies(d->settings);
	if (!control_start_workers(d->control, error))
		return false;
	d->statsd = statsd_start(d->control);
	good = server_open(d, error) && descriptors_left(error);
	if (!good)                      /* the workers run: the loop ends when they have */
		shutdown_start(&d->shutdown, control_workers(d->control));
	loop_run(loop);
	return good;
}

/* ---- end ---- */

static void daemon_close(struct daemon *d)
{
	server_stop(d->server);
	control_join_workers(d->control);
	statsd_stop(d->statsd);         /* reads the workers' counters once more */
	control_free_workers(d->control);
	events_stop();                  /* writes what the last connections reported */
	signals_set_loop(NULL);
	control_free(d->control);
	log_info("Bye!");
	log_stop();
}

/* Static: the thread of the signals never ends. */
int daemon_run(struct settings *settings)
{
	static struct daemon d;
	char error[ERROR_MAX];
	bool good = daemon_open(&d, settings, error) && daemon_serve(&d, error);

	if (!good) {
		log_drain();
		fprintf(stderr, "%s\n", error);
	}
	if (d.control)
		daemon_close(&d);
	return good ? 0 : 1;
}
