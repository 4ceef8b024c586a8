/* statsd.c - sends what the workers counted to a statsd server, a second's worth at a time, by UDP.
 *
 *	PREFIX.PROTOCOL.start:3|c               connections, and .end
 *	PREFIX.PROTOCOL.to_backend:17|c         reads, and .to_client
 *	PREFIX.PROTOCOL.fault.delay:5|c         exchanges struck, by behavior */
#include "statsd.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "dice.h"
#include "log.h"

enum { DATAGRAM_MAX = 1400 };           /* fits the frames of any sane network */

static const struct { enum counter counter; const char *name; } metrics[] = {
	{ STAT_OPENED,         "start" },
	{ STAT_CLOSED,         "end" },
	{ STAT_READS_REQUEST,  "to_backend" },
	{ STAT_READS_RESPONSE, "to_client" },
};

struct before {                         /* one proxy, as of the last tick */
	unsigned number;
	uint64_t n[STAT_COUNTERS];
	struct spec *spec;              /* held: rules that went since have a last delta */
	uint64_t *hits;                 /* of spec's rules */
};

struct statsd {
	struct control *control;
	struct timer timer;
	int fd;                         /* connected */
	struct dice dice;
	uint64_t ticks;
	size_t n;
	struct before *before;          /* per proxy, in the order of their numbers */
	char datagram[DATAGRAM_MAX];
	size_t used;
};

static void statsd_flush(struct statsd *s)
{
	if (s->used)                    /* nobody there, or no room: what statsd loses is lost */
		(void)!send(s->fd, s->datagram, s->used, MSG_DONTWAIT | MSG_NOSIGNAL);
	s->used = 0;
}

static void statsd_put(struct statsd *s, const char *line)
{
	size_t n = strlen(line);

	if (s->used && s->used + 1 + n > DATAGRAM_MAX)
		statsd_flush(s);
	if (s->used)
		s->datagram[s->used++] = '\n';
	memcpy(s->datagram + s->used, line, n);
	s->used += n;
}

/* `n` events of `protocol`.`kind``name`: all are sent, or a sample of them. */
static void statsd_count(struct statsd *s, const struct spec *spec, const char *kind, const char *name,
                         uint64_t n)
{
	const struct settings *set = control_settings(s->control);
	double rate = set->statsd.sample_rate;
	char line[512], sampled[48] = "";

	if (rate > 0 && rate < 1) {
		n = (uint64_t)((double)n * rate + dice_unit(&s->dice));
		snprintf(sampled, sizeof sampled, "|@%g", rate);
	}
	if (!n)
		return;
	int length = snprintf(line, sizeof line, "%s%s%s.%s%s:%llu|c%s", set->statsd.prefix,
	                      set->statsd.prefix[0] ? "." : "", spec->protocol->name, kind, name,
	                      (unsigned long long)n, sampled);
	if (length < (int)sizeof line)  /* half a line would be another metric */
		statsd_put(s, line);
}

static const struct rule_spec *rule_find(const struct spec *spec, uint64_t id, unsigned *at)
{
	for (unsigned i = 0; spec && i < spec->n_rules; i++)
		if (spec->rules[i].id == id) {
			*at = i;
			return &spec->rules[i];
		}
	return NULL;
}

static uint64_t rule_hits(const struct rule_spec *r)
{
	return atomic_load_explicit(&r->tally->hits, memory_order_relaxed);
}

/* Count the faults since the last tick, and remember where `now`'s rules stand. */
static void statsd_faults(struct statsd *s, struct before *b, struct spec *now)
{
	uint64_t *hits = calloc(now->n_rules + 1, sizeof *hits);
	unsigned at;

	assert(hits);
	for (unsigned i = 0; i < now->n_rules; i++) {
		const struct rule_spec *r = &now->rules[i];
		uint64_t last = rule_find(b->spec, r->id, &at) ? b->hits[at] : 0;
		hits[i] = rule_hits(r);
		statsd_count(s, now, "fault.", r->behavior->name, hits[i] - last);
	}
	for (unsigned i = 0; b->spec && i < b->spec->n_rules; i++) {
		const struct rule_spec *r = &b->spec->rules[i];
		if (!rule_find(now, r->id, &at))
			statsd_count(s, b->spec, "fault.", r->behavior->name,
			             rule_hits(r) - b->hits[i]);
	}
	spec_hold(now);
	if (b->spec)
		spec_drop(b->spec);
	free(b->hits);
	b->spec = now;
	b->hits = hits;
}

static void before_free(struct before *b)
{
	spec_drop(b->spec);
	free(b->hits);
}

/* Proxies come and go between two ticks: those that stay keep what is known of them. */
static void statsd_follow(struct statsd *s)
{
	size_t n = control_count(s->control), old = 0;
	struct before *now = calloc(n + 1, sizeof *now);

	assert(now);
	for (size_t i = 0; i < n; i++) {
		now[i].number = port_number(control_port(s->control, i));
		while (old < s->n && s->before[old].number < now[i].number)
			before_free(&s->before[old++]);
		if (old < s->n && s->before[old].number == now[i].number)
			now[i] = s->before[old++];
	}
	while (old < s->n)
		before_free(&s->before[old++]);
	free(s->before);
	s->before = now;
	s->n = n;
}

static void statsd_tick(struct statsd *s)
{
	struct dice dice = dice_make(control_settings(s->control)->seed, "", "statsd");

	s->dice = dice_at(&dice, s->ticks++, 0, 0);
	statsd_follow(s);
	for (size_t i = 0; i < s->n; i++) {
		struct before *b = &s->before[i];
		struct port *port = control_port(s->control, i);
		struct spec *now = port_spec(port);
		for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
			uint64_t n = port_stat(port, metrics[m].counter);
			statsd_count(s, now, "", metrics[m].name, n - b->n[metrics[m].counter]);
			b->n[metrics[m].counter] = n;
		}
		statsd_faults(s, b, now);
	}
	statsd_flush(s);
}

static void statsd_fire(struct timer *t)
{
	struct statsd *s = OWNER(statsd, timer, t);
	struct loop *loop = control_loop(s->control);

	statsd_tick(s);
	timer_set(loop, t, loop->now + NSEC_S);
}

/* A socket whose datagrams go to the server; -1: a warning was logged. */
static int statsd_connect(const char *host, int64_t port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found;
	char service[24];

	snprintf(service, sizeof service, "%lld", (long long)port);
	if (strcmp(host, "localhost") == 0)     /* ::1 would take datagrams that nobody reads */
		host = "127.0.0.1";
	int rc = getaddrinfo(host, service, &hints, &found);
	if (rc != 0) {
		log_warning("statsd is off: no address for %s:%s: %s", host, service, gai_strerror(rc));
		return -1;
	}
	int fd = -1, why = 0;
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		why = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	if (fd < 0)
		log_warning("statsd is off: no way to %s:%s: %s", host, service, strerror(why));
	return fd;
}

struct statsd *statsd_start(struct control *c)
{
	const struct settings *set = control_settings(c);

	if (!set->statsd.enabled)
		return NULL;
	int fd = statsd_connect(set->statsd.host, set->statsd.port);
	if (fd < 0)
		return NULL;
	struct statsd *s = calloc(1, sizeof *s);
	assert(s);
	s->control = c;
	s->fd = fd;
	s->timer.fire = statsd_fire;
	timer_set(control_loop(c), &s->timer, control_loop(c)->now + NSEC_S);
	return s;
}

void statsd_stop(struct statsd *s)
{
	if (!s)
		return;
	timer_stop(control_loop(s->control), &s->timer);
	statsd_tick(s);
	for (size_t i = 0; i < s->n; i++)
		before_free(&s->before[i]);
	free(s->before);
	close(s->fd);
	free(s);
}
