/* statsd.c - export of counters to a statsd server as UDP datagrams, once a second.
 *
 *	PREFIX.PROTOCOL.start:3|c               connections, and .end
 *	PREFIX.PROTOCOL.ended.idle:1|c          connections ended, by reason
 *	PREFIX.PROTOCOL.to_backend:17|c         reads, and .to_client
 *	PREFIX.PROTOCOL.received.request:99|c   bytes; also .response, and .sent
 *	PREFIX.PROTOCOL.exchanges:12|c          requests that were answered
 *	PREFIX.PROTOCOL.exchange_us:340|c       the sum of their times
 *	PREFIX.PROTOCOL.raw:1|c                 connections whose parser gave up
 *	PREFIX.PROTOCOL.bypasses:1|c            addresses that no proxy has, in answers
 *	PREFIX.PROTOCOL.fault.delay:5|c         exchanges struck, by behavior
 *	PREFIX.PROTOCOL.seen.delay:8|c          exchanges it was in for; also .unreachable
 *	PREFIX.open:7|g                         connections that are open
 *	PREFIX.held:4096|g                      bytes that wait
 *
 * The names are few: one per protocol, behavior and reason. Proxies of one protocol are added
 * up. */
#include "control/statsd.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dice.h"
#include "base/log.h"
#include "base/memory.h"

enum { DATAGRAM_MAX = 1400 };           /* bytes: fits into an Ethernet frame */

static const struct { enum counter counter; const char *name; } metrics[] = {
	{ STAT_OPENED,         "start" },
	{ STAT_CLOSED,         "end" },
	{ STAT_READS_REQUEST,  "to_backend" },
	{ STAT_READS_RESPONSE, "to_client" },
	{ STAT_READ_REQUEST,   "received.request" },
	{ STAT_READ_RESPONSE,  "received.response" },
	{ STAT_SENT_REQUEST,   "sent.request" },
	{ STAT_SENT_RESPONSE,  "sent.response" },
	{ STAT_EXCHANGES,      "exchanges" },
	{ STAT_RAW,            "raw" },
	{ STAT_BYPASSES,       "bypasses" },
};

enum { HITS, SEEN, UNREACHABLE, RULE_METRICS };

static const char *const rule_metrics[RULE_METRICS] = { "fault.", "seen.", "unreachable." };

struct rule_counts { uint64_t n[RULE_METRICS]; };

/* A proxy's counts at the last tick. */
struct before {
	unsigned number;
	struct totals totals;
	struct spec *spec;              /* a reference: removed rules have a last difference */
	struct rule_counts *rules;      /* of spec->rules */
};

struct statsd {
	struct control *control;
	struct proxy_observer observer;
	struct timer timer;
	int fd;                         /* connected */
	struct vn_dice dice;
	uint64_t ticks;
	size_t n;
	struct before *before;          /* one per proxy, in the order of their numbers */
	unsigned newest;                /* the greatest number so far */
	char datagram[DATAGRAM_MAX];
	size_t used;
};

static void statsd_flush(struct statsd *s)
{
	if (s->used)                    /* if it cannot be sent now, it is lost */
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

/* Counts `n` more of PROTOCOL.`kind``name`. With a sample rate, a part of `n` is sent, rounded by a
 * draw. */
static void statsd_count(struct statsd *s, const struct spec *spec, const char *kind,
                         const char *name, uint64_t n)
{
	const struct settings *set = control_settings(s->control);
	double rate = set->statsd.sample_rate;
	char line[512], sampled[48] = "";

	if (rate > 0 && rate < 1) {
		n = (uint64_t)((double)n * rate + vn_dice_unit(&s->dice));
		snprintf(sampled, sizeof sampled, "|@%g", rate);
	}
	if (!n)
		return;
	int length = snprintf(line, sizeof line, "%s%s%s.%s%s:%llu|c%s", set->statsd.prefix,
	                      set->statsd.prefix[0] ? "." : "", spec->protocol->name, kind, name,
	                      (unsigned long long)n, sampled);
	if (length < (int)sizeof line)  /* a truncated line would be another metric */
		statsd_put(s, line);
}

/* Finds the rule with the same counters, because a changed rule keeps its counters. */
static bool rule_find(const struct spec *spec, const struct rule_spec *rule, unsigned *at)
{
	for (unsigned i = 0; spec && i < spec->n_rules; i++)
		if (spec->rules[i].counters == rule->counters) {
			*at = i;
			return true;
		}
	return false;
}

static struct rule_counts rule_counts(const struct rule_spec *r)
{
	const struct rule_counters *c = r->counters;

	return (struct rule_counts){ {
		[HITS] = atomic_load_explicit(&c->hits, memory_order_relaxed),
		[SEEN] = atomic_load_explicit(&c->seen, memory_order_relaxed),
		[UNREACHABLE] = atomic_load_explicit(&c->unreachable, memory_order_relaxed),
	} };
}

static void statsd_rule(struct statsd *s, const struct spec *spec, const struct rule_spec *r,
                        const struct rule_counts *now, const struct rule_counts *then)
{
	for (unsigned i = 0; i < RULE_METRICS; i++)
		statsd_count(s, spec, rule_metrics[i], r->behavior->name, now->n[i] - then->n[i]);
}

/* Sends the rules' counts since the last tick, and keeps the counts of `now`. */
static void statsd_rules(struct statsd *s, struct before *b, struct spec *now)
{
	struct rule_counts *counts = xcalloc(now->n_rules + 1, sizeof *counts), none = { { 0 } };
	unsigned at;

	for (unsigned i = 0; i < now->n_rules; i++) {
		const struct rule_spec *r = &now->rules[i];
		bool known = rule_find(b->spec, r, &at);
		counts[i] = rule_counts(r);
		statsd_rule(s, now, r, &counts[i], known ? &b->rules[at] : &none);
	}
	for (unsigned i = 0; b->spec && i < b->spec->n_rules; i++) {
		const struct rule_spec *r = &b->spec->rules[i];
		struct rule_counts last = rule_counts(r);
		if (!rule_find(now, r, &at))
			statsd_rule(s, b->spec, r, &last, &b->rules[i]);
	}
	spec_ref(now);
	spec_unref(b->spec);
	free(b->rules);
	b->spec = now;
	b->rules = counts;
}

/* Sends the proxy's counts since the last tick, and keeps `now`. */
static void statsd_totals(struct statsd *s, struct before *b, const struct spec *spec,
                          const struct totals *now)
{
	const struct totals *then = &b->totals;

	for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
		statsd_count(s, spec, "", metrics[i].name,
		             now->n[metrics[i].counter] - then->n[metrics[i].counter]);
	for (unsigned why = 0; why < CLOSE_REASONS; why++)
		statsd_count(s, spec, "ended.", close_reason_names[why].name,
		             now->ended[why] - then->ended[why]);
	statsd_count(s, spec, "", "exchange_us",
	             now->answered.sum / VN_US - then->answered.sum / VN_US);
	b->totals = *now;
}

static void before_free(struct before *b)
{
	spec_unref(b->spec);
	free(b->rules);
}

static void statsd_proxy(struct statsd *s, struct before *b, const struct proxy *p)
{
	struct totals t;

	proxy_totals(p, &t);
	statsd_totals(s, b, proxy_spec(p), &t);
	statsd_rules(s, b, proxy_spec(p));
}

/* Sends the last counts of a removed proxy. A proxy created after the last tick counts from 0. One
 * that left the table before the last tick was counted then, except for the time of its removal. */
static void statsd_removed(struct proxy_observer *o, const struct proxy *p)
{
	struct statsd *s = OWNER(statsd, observer, o);
	struct before new = { 0 }, *b = proxy_number(p) > s->newest ? &new : NULL;

	for (size_t i = 0; i < s->n; i++)
		if (s->before[i].number == proxy_number(p))
			b = &s->before[i];
	if (b)
		statsd_proxy(s, b, p);
	before_free(&new);
}

/* Updates s->before: proxies may have been created and removed since the last tick. */
static void statsd_follow(struct statsd *s)
{
	size_t n = control_proxy_count(s->control), old = 0;
	struct before *now = xcalloc(n + 1, sizeof *now);

	for (size_t i = 0; i < n; i++) {
		s->newest = now[i].number = proxy_number(control_proxy(s->control, i));
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

/* Sends a current value, over all proxies. It is sent at each tick, because a server may drop
 * values that it no longer receives. */
static void statsd_gauge(struct statsd *s, const char *name, uint64_t n)
{
	const struct settings *set = control_settings(s->control);
	char line[512];
	int length = snprintf(line, sizeof line, "%s%s%s:%llu|g", set->statsd.prefix,
	                      set->statsd.prefix[0] ? "." : "", name, (unsigned long long)n);

	if (length < (int)sizeof line)
		statsd_put(s, line);
}

static uint64_t held_bytes(struct control *c)
{
	uint64_t sum = 0;

	for (unsigned k = 0; k < control_worker_count(c); k++)
		sum += atomic_load_explicit(&control_worker(c, k)->held, memory_order_relaxed);
	return sum;
}

static void statsd_tick(struct statsd *s)
{
	struct vn_dice dice = dice_make(control_settings(s->control)->seed, "", "statsd");
	uint64_t open = 0;

	s->dice = dice_at(&dice, s->ticks++, 0, 0);
	statsd_follow(s);
	for (size_t i = 0; i < s->n; i++) {
		const struct totals *t = &s->before[i].totals;
		statsd_proxy(s, &s->before[i], control_proxy(s->control, i));
		open += totals_open(t, STAT_OPENED, STAT_CLOSED);
	}
	statsd_gauge(s, "open", open);
	statsd_gauge(s, "held", held_bytes(s->control));
	statsd_flush(s);
}

static void statsd_fire(struct timer *t)
{
	struct statsd *s = OWNER(statsd, timer, t);
	struct loop *loop = control_loop(s->control);

	statsd_tick(s);
	timer_set(loop, t, loop->now + VN_S);
}

/* Returns a socket connected to the server. -1: it failed with a warning in the log. It looks the
 * name up and may block, so it is for the start only. */
static int statsd_connect(const char *host, int64_t port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found;
	char service[24];

	snprintf(service, sizeof service, "%lld", (long long)port);
	if (strcmp(host, "localhost") == 0)     /* few servers listen on ::1 */
		host = "127.0.0.1";
	int rc = getaddrinfo(host, service, &hints, &found);
	if (rc != 0) {
		log_warning("statsd is off: no address for %s:%s: %s", host, service,
		            gai_strerror(rc));
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
		log_warning("statsd is off: cannot send to %s:%s: %s", host, service,
		            strerror(why));
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
	struct statsd *s = xcalloc(1, sizeof *s);
	s->control = c;
	s->observer.removed = statsd_removed;
	control_proxies(c)->observer = &s->observer;
	s->fd = fd;
	s->timer.fire = statsd_fire;
	timer_set(control_loop(c), &s->timer, control_loop(c)->now + VN_S);
	return s;
}

void statsd_stop(struct statsd *s)
{
	if (!s)
		return;
	timer_stop(control_loop(s->control), &s->timer);
	control_proxies(s->control)->observer = NULL;
	statsd_tick(s);
	for (size_t i = 0; i < s->n; i++)
		before_free(&s->before[i]);
	free(s->before);
	close(s->fd);
	free(s);
}
