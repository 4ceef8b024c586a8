/* daemon.c - the running program: proxies, control API, statsd, signals, from start to end.
 *
 * The composition root: the only file that knows the control service and all that is built on
 * it. */
#include "daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/server.h"
#include "base/log.h"
#include "control/announce.h"
#include "config/run_settings.h"
#include "control/config_watch.h"
#include "control/control.h"
#include "control/events.h"
#include "control/hit_check.h"
#include "control/reload.h"
#include "control/shutdown.h"
#include "control/signals.h"
#include "control/statsd.h"
#include "control/tls_clock.h"
#include "fleet/fleet.h"
#include "net/bind.h"
#include "plugins/plugin.h"
#include "run/run.h"

/* Descriptors that are free when all has started: for a client with its backend, two clients of the
 * API, what /metrics reads, a look-up. */
enum { FREE_LEAST = 6 };

enum { EXIT_NO_HIT = 3 };               /* exit code: see --require-hit */

struct daemon {
	struct settings *settings;
	struct control *control;        /* NULL: it could not be made */
	struct server *server;          /* NULL: not served */
	struct statsd *statsd;          /* NULL: off */
	struct fleet *fleet;            /* NULL: in none */
	bool leaving;                   /* a signal to stop came */
	struct run *run;                /* NULL: it is not `vaurien run` */
	int status; char *summary;      /* of the command */
	struct watch log;
	struct timer log_retry;
	struct signals_user signals;
	struct shutdown shutdown;
	struct hit_check hits;
	struct config_watch config;
	struct tls_clock tls;
	bool reloading, reload_again;   /* again: a SIGHUP came during a reload */
};

/* ---- signals ---- */

static void reload(struct daemon *d);

static void reload_done(void *daemon)
{
	struct daemon *d = daemon;

	d->reloading = false;
	config_watch_renew(&d->config);
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

static void stop(void *daemon)
{
	struct daemon *d = daemon;

	shutdown_start(&d->shutdown, control_workers(d->control));
}

static void stop_signal(struct signals_user *u)
{
	struct daemon *d = OWNER(daemon, signals, u);

	if (d->leaving || !fleet_leave(d->fleet, stop, d))
		stop(d);
	d->leaving = true;              /* a second signal waits for nothing */
}

/* What the program exits with when a signal has ended it. In any thread. */
static int end_code(struct signals_user *u)
{
	return hit_check_passed(&OWNER(daemon, signals, u)->hits) ? 0 : EXIT_NO_HIT;
}

static void reload_signal(struct signals_user *u)
{
	plugins_reload();
	reload(OWNER(daemon, signals, u));
}

static void config_changed(struct config_watch *w)
{
	struct daemon *d = OWNER(daemon, config, w);

	log_info("The configuration has changed: it is read again");
	reload_signal(&d->signals);
}

static bool config_open(struct daemon *d, char error[ERROR_MAX])
{
	return !d->settings->watch_config
		|| config_watch_start(&d->config, control_loop(d->control), error);
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
		if (s->enabled && !s->gate && !bind_resolve(&s->listen, &at, error, ERROR_MAX))
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
	if (s->run)
		run_save_original();
	raise_descriptors();
	*d = (struct daemon){
		.settings = s,
		.log_retry.fire = log_retry,
		.config = { .changed = config_changed },
		.signals = { stop_signal, reload_signal, end_code },
	};
	if (!hit_check_begin(&d->hits, s, error))
		return false;
	if (s->run)
		run_block_signals();
	else if (!signals_start(&d->signals, error))
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
	if (!d->settings->http) {
		announce_no_api();
		return true;
	}
	d->server = server_start(d->control, error);
	return d->server;
}

static bool fleet_open(struct daemon *d, char error[ERROR_MAX])
{
	if (!d->settings->fleet.url)
		return true;
	d->fleet = fleet_start(d->control, server_url(d->server), error);
	return d->fleet;
}

/* ---- vaurien run ---- */

static bool run_prepare(struct daemon *d, char error[ERROR_MAX])
{
	if (d->settings->run)
		d->run = run_open(d->control, d->settings, error);
	return d->run || !d->settings->run;
}

static void run_over(void *daemon)
{
	struct daemon *d = daemon;

	shutdown_start(&d->shutdown, control_workers(d->control));
}

/* False: `error` has one sentence. The loop has run, if it was to, in any case. */
static bool daemon_serve(struct daemon *d, char error[ERROR_MAX])
{
	struct loop *loop = control_loop(d->control);
	bool good = events_start(loop, d->settings->events, error) && run_prepare(d, error) &&
	            tls_clock_start(&d->tls, loop, d->settings, error) && create_proxies(d, error);

	if (!good)
		return false;
	announce_start(d->settings);
	/* A process must be forked before there are other threads, and have its API by then. */
	if (d->run && !(server_open(d, error) && run_fork(d->run, server_url(d->server), error)))
		return false;
	if (!control_start_workers(d->control, error))
		return false;
	d->statsd = statsd_start(d->control);
	/* Who meets the API may change the file. */
	good = config_open(d, error) && (d->run || server_open(d, error)) &&
	       fleet_open(d, error) && descriptors_left(error) &&
	       (!d->run || run_begin(d->run, run_over, d, error));
	if (!good)                      /* the workers run: the loop ends when they have */
		shutdown_start(&d->shutdown, control_workers(d->control));
	loop_run(loop);
	return good;
}

/* ---- end ---- */

static void daemon_close(struct daemon *d)
{
	config_watch_stop(&d->config);
	server_stop(d->server);
	fleet_free(d->fleet);
	d->status = run_close(d->run, &d->summary);
	control_join_workers(d->control);
	statsd_stop(d->statsd);         /* reads the workers' counters once more */
	control_free_workers(d->control);
	events_stop();                  /* writes what the last connections reported */
	signals_set_loop(NULL);
	tls_clock_stop(&d->tls);
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
	if (d.control) {
		hit_check_collect(&d.hits, d.control);
		daemon_close(&d);
	}
	if (d.summary)
		fputs(d.summary, stderr);
	free(d.summary);
	if (!good)
		return settings->run ? RUN_FAILED : 1;
	return d.status ? d.status : end_code(&d.signals);
}
