/* control.c - the control thread: specs as the one truth, changes out to the workers, answers back. */
#include "control.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "http/http.h"
#include "listener.h"
#include "log.h"
#include "statsd.h"
#include "worker.h"

struct port {                           /* a proxy, as control knows it */
	struct control *control;
	unsigned number;
	struct spec *spec;
	struct proxy **parts;           /* one per worker, alive as long as the workers */
};

struct control {
	struct loop loop;
	const struct settings *settings;
	struct worker *workers;
	struct resolver *resolver;
	struct port port;
	struct http *http;
	struct statsd *statsd;
	struct watch log, signals;
	struct timer expiry;            /* of the next rule that goes by itself */
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

/* ---- the proxies ---- */

size_t control_count(struct control *c)
{
	return 1;
}

struct port *control_port(struct control *c, size_t i)
{
	assert(i < control_count(c));
	return &c->port;
}

struct port *control_find(struct control *c, const char *name)
{
	return strcmp(c->port.spec->name, name) ? NULL : &c->port;
}

struct port *control_numbered(struct control *c, unsigned number)
{
	return number == c->port.number ? &c->port : NULL;
}

struct spec *port_spec(const struct port *p)
{
	return p->spec;
}

unsigned port_number(const struct port *p)
{
	return p->number;
}

uint64_t port_stat(const struct port *p, enum counter counter)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < control_workers(p->control); k++)
		sum += stats_get(&p->parts[k]->stats, counter);
	return sum;
}

void port_figures(const struct port *p, struct figures *f)
{
	*f = (struct figures){ 0 };
	for (unsigned k = 0; k < control_workers(p->control); k++)
		figures_add(f, &p->parts[k]->stats);
}

/* ---- rounds: a letter to each worker, which comes back ---- */

struct circular {                       /* a round under way */
	struct control *control;
	struct round *round;
	unsigned missing;               /* answers */
	struct letter { struct mail mail; struct circular *circular; struct worker *worker; } letters[];
};

static void letter_back(struct mail *m)
{
	struct circular *a = ((struct letter *)m)->circular;
	struct round *round = a->round;

	if (--a->missing)
		return;
	free(a);
	round->told(round);
}

static void letter_open(struct mail *m)
{
	struct letter *l = (struct letter *)m;

	l->circular->round->ask(l->circular->round, l->worker);
	m->open = letter_back;
	loop_post(&l->circular->control->loop, m);
}

unsigned control_workers(struct control *c)
{
	return (unsigned)c->settings->threads;
}

const struct worker *control_worker(struct control *c, unsigned k)
{
	assert(k < control_workers(c));
	return &c->workers[k];
}

void control_round(struct control *c, struct round *round)
{
	unsigned n = control_workers(c);
	struct circular *a = calloc(1, sizeof *a + n * sizeof *a->letters);

	assert(a);
	*a = (struct circular){ .control = c, .round = round, .missing = n };
	for (unsigned k = 0; k < n; k++) {
		a->letters[k] = (struct letter){ .mail.open = letter_open, .circular = a, .worker = &c->workers[k] };
		loop_post(&c->workers[k].loop, &a->letters[k].mail);
	}
}

/* ---- changes ---- */

struct change {
	struct round round;
	unsigned number;                /* of the proxy */
	struct spec *to;
	struct waiter *waiter;
};

static void change_make(struct round *r, struct worker *w)
{
	struct change *ch = (struct change *)r;

	proxy_change(worker_proxy(w, ch->number), ch->to);
}

static void change_made(struct round *r)
{
	struct change *ch = (struct change *)r;

	if (ch->waiter)
		ch->waiter->done(ch->waiter);
	spec_drop(ch->to);
	free(ch);
}

static void expiry_set(struct control *c)
{
	nsec next;
	struct spec *less = spec_without_expired(c->port.spec, 0, &next);

	assert(!less);          /* at time 0 nothing is over */
	timer_set(&c->loop, &c->expiry, next);
}

static void expiry_fire(struct timer *t)
{
	struct control *c = OWNER(control, expiry, t);
	nsec next;
	struct spec *less = spec_without_expired(c->port.spec, c->loop.now, &next);

	if (!less)
		return;
	log_info("rules=%u of %u are over proxy=%s", c->port.spec->n_rules - less->n_rules, c->port.spec->n_rules, less->name);
	control_change(c, &c->port, less, NULL);
}

void control_change(struct control *c, struct port *p, struct spec *to, struct waiter *waiter)
{
	struct change *ch = malloc(sizeof *ch);

	assert(ch);
	spec_drop(p->spec);
	p->spec = to;
	expiry_set(c);
	*ch = (struct change){ { change_make, change_made }, p->number, spec_hold(to), waiter };
	control_round(c, &ch->round);
}

/* ---- the end: workers send what is due, then say goodbye ---- */

struct goodbye {
	struct mail mail;
	struct control *control;
	struct worker *worker;
	struct timer timer;
	nsec until;
};

static void goodbye_heard(struct mail *m)
{
	struct goodbye *g = (struct goodbye *)m;

	if (!--g->control->stopping)
		g->control->loop.stop = true;
	free(g);
}

static void goodbye_check(struct timer *t)
{
	struct goodbye *g = OWNER(goodbye, timer, t);
	struct worker *w = g->worker;
	bool all = true;

	for (struct proxy *p = w->proxies; p; p = p->next)
		all &= proxy_finish(p);
	if ((!all || w->lingerers) && w->loop.now < g->until) {
		timer_set(&w->loop, t, w->loop.now + 10 * NSEC_MS);
		return;
	}
	w->loop.stop = true;
	g->mail.open = goodbye_heard;
	loop_post(&g->control->loop, &g->mail);
}

static void goodbye_begin(struct mail *m)
{
	struct goodbye *g = (struct goodbye *)m;

	g->worker->stopping = true;
	for (struct proxy *p = g->worker->proxies; p; p = p->next)
		if (p->listener)
			listener_stop(p->listener);
	g->timer.fire = goodbye_check;
	g->until = g->worker->loop.now + NSEC_S;
	timer_set(&g->worker->loop, &g->timer, g->worker->loop.now);
}

static void control_stop(struct control *c)
{
	if (c->stopping)
		return;
	c->stopping = (unsigned)c->settings->threads;
	for (unsigned k = 0; k < c->settings->threads; k++) {
		struct goodbye *g = calloc(1, sizeof *g);
		assert(g);
		*g = (struct goodbye){ .mail.open = goodbye_begin, .control = c, .worker = &c->workers[k] };
		loop_post(&c->workers[k].loop, &g->mail);
	}
}

/* ---- what the control loop watches ---- */

static void signal_ready(struct watch *w, unsigned events)
{
	struct control *c = OWNER(control, signals, w);
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof info) == sizeof info)
		control_stop(c);
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
	log_info("* proxies from %s to %s", s->proxy->listen.text, s->proxy->backend.text);
	log_info("* timeout: %lld", (long long)s->timeout);
	log_info("* stay_connected: %d", s->stay_connected);
	log_info("* pool_max_size: %lld", (long long)s->pool_max_size);
	log_info("* pool_timeout: %lld", (long long)s->pool_timeout);
	log_info("* async_mode: %d", !s->sync);
	log_info("* seed: %llu", (unsigned long long)s->seed);
}

static void start_workers(struct control *c, int fd)
{
	const struct settings *s = c->settings;
	struct worker_words words = { s->seed, s->bufsize, s->hold_total };
	unsigned n = (unsigned)s->threads;
	const struct address *a = &c->port.spec->listen;

	c->workers = calloc(n, sizeof *c->workers);
	c->port.parts = calloc(n, sizeof *c->port.parts);
	assert(c->workers && c->port.parts);
	for (unsigned k = 0; k < n; k++) {
		worker_init(&c->workers[k], c->workers, k, n, c->resolver, &words);
		c->port.parts[k] = proxy_add(&c->workers[k], 0, c->port.spec);
	}
	listener_start(c->port.parts[0], fd, a->unix_path ? a->host : NULL);
	for (unsigned k = 0; k < n; k++)
		worker_start(&c->workers[k]);
}

static void finish(struct control *c)
{
	unsigned n = c->workers ? (unsigned)c->settings->threads : 0;

	if (c->http)
		http_stop(c->http);
	for (unsigned k = 0; k < n; k++)
		pthread_join(c->workers[k].thread, NULL);
	resolver_stop(c->resolver);
	statsd_stop(c->statsd);
	for (unsigned k = 0; k < n; k++)        /* a last change may have been on its way */
		worker_free(&c->workers[k]);
	loop_free(&c->loop);
	free(c->workers);
	free(c->port.parts);
	spec_drop(c->port.spec);
	log_info("Bye!");
	log_stop();
	close(c->signals.fd);
}

/* "localhost:8000" stays as it was typed; port 0 becomes the real one. Before anyone else sees the spec. */
static void listen_settle(struct spec *s, const struct endpoint *bound)
{
	char text[128], error[SENTENCE];
	struct address real;

	if (s->listen.unix_path || s->listen.port != 0)
		return;
	endpoint_show(bound, text, sizeof text);
	bool ok = address_parse(&real, text, error, sizeof error);
	assert(ok);
	address_free(&s->listen);
	s->listen = real;
}

int control_run(struct settings *s)
{
	struct control c = { .settings = s, .port = { .control = &c, .spec = spec_hold(s->proxy) } };
	struct endpoint bound;
	char error[SENTENCE];
	int rc = 0;

	raise_descriptors();
	loop_init(&c.loop);
	c.expiry.fire = expiry_fire;
	watch_signals(&c);
	c.resolver = resolver_start();
	int fd = listener_bind(&c.port.spec->listen, c.port.spec->backlog, &bound, error, sizeof error);
	if (fd < 0) {
		rc = 1;
	} else {
		listen_settle(c.port.spec, &bound);
		say_start(s);
		start_workers(&c, fd);
		expiry_set(&c);
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
