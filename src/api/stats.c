/* stats.c - GET /stats: what all proxies have counted and what their rules are, as JSON.
 *
 * The dashboard reads it once a second. Counters only rise, so two answers make rates; nothing is
 * kept here for a reader. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/legs.h"
#include "api/pieces.h"
#include "api/router.h"
#include "api/servers.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#define WATCHED (15 * VN_S)             /* after an answer: errors are counted so long */

struct stats_answer {
	struct pieces pieces;
	struct control *control;
	unsigned last;                  /* number of the proxy that was written last; 0: none yet */
};

/* [[from, to, count], ...] of the buckets that have counted something, in seconds. The last one has
 * no end: null. */
static json_t *times_json(const struct proxy *p)
{
	struct fine_totals t;
	json_t *all = json_array();

	proxy_times(p, &t);
	for (unsigned i = 0; i <= FINE_BOUNDS; i++) {
		if (!t.n[i])
			continue;
		json_t *to = i < FINE_BOUNDS ? json_seconds(fine_bound(i)) : json_null();
		json_array_append_new(all, json_pack("[o, o, I]",
		                                     json_seconds(i ? fine_bound(i - 1) : 0), to,
		                                     (json_int_t)t.n[i]));
	}
	return all;
}

/* As GET /rules has them, and the seconds until each removes itself; null: never. */
static json_t *rules_json(const struct spec *s)
{
	json_t *all = spec_rules_json(s);
	vn_nsec now = clock_monotonic();

	for (unsigned i = 0; i < s->n_rules; i++) {
		vn_nsec until = s->rules[i].until;
		json_t *left = until == VN_NEVER ? json_null() :
		                                   json_seconds(until > now ? until - now : 0);
		json_object_set_new(json_array_get(all, i), "left", left);
	}
	return all;
}

static json_t *ways_json(const struct totals *t, enum counter request)
{
	return json_pack("{s:I, s:I}", "request", (json_int_t)t->n[request],
	                 "response", (json_int_t)t->n[request + 1]);
}

static json_t *proxy_json(const struct proxy *p)
{
	const struct spec *s = proxy_spec(p);
	struct totals t;

	proxy_totals(p, &t);
	json_t *all = json_pack("{s:o, s:I, s:s, s:o, s:o, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I,"
	                 " s:I, s:o, s:o, s:I, s:o, s:o}",
	                 "name", json_text(s->name), "number", (json_int_t)proxy_number(p),
	                 "protocol", s->protocol->name, "listen", json_text(s->listen.text),
	                 "backend", json_text(s->backend.text), "enabled", s->enabled,
	                 "listening", proxy_listening(p), "behavior", json_text(s->behavior),
	                 "connections", (json_int_t)totals_open(&t, STAT_OPENED, STAT_CLOSED),
	                 "opened", (json_int_t)t.n[STAT_OPENED],
	                 "raw", (json_int_t)totals_open(&t, STAT_RAW, STAT_RAW_CLOSED),
	                 "exchanges", (json_int_t)t.n[STAT_EXCHANGES],
	                 "errors", (json_int_t)t.n[STAT_ERRORS],
	                 "waiting", (json_int_t)totals_waiting(&t),
	                 "received", ways_json(&t, STAT_READ_REQUEST),
	                 "sent", ways_json(&t, STAT_SENT_REQUEST),
	                 "held", (json_int_t)t.held, "times", times_json(p),
	                 "rules", rules_json(s));
	legs_to_json(s, &t, all);
	servers_to_json(p, all);
	return all;
}

/* The seed is a string: it has 64 bits, and many JSON parsers keep 53. */
static void stats_begin(const struct stats_answer *a, FILE *to)
{
	static vn_nsec run;             /* when it was first asked: another one is another run */

	run = run ? run : clock_real();
	fprintf(to, "{\"version\": \"%s\", \"seed\": \"%" PRIu64 "\", \"run\": \"%lld\","
	            " \"proxies\": [", VAURIEN_VERSION, control_settings(a->control)->seed,
	        (long long)run);
}

static bool stats_next(struct pieces *p, FILE *to)
{
	struct stats_answer *a = OWNER(stats_answer, pieces, p);
	const struct proxy *next = proxy_made_after(control_proxies(a->control), a->last);

	if (!a->last)
		stats_begin(a, to);
	if (!next) {
		fputs("]}", to);
		return false;
	}
	if (a->last)
		fputs(", ", to);
	json_put(to, proxy_json(next));
	a->last = proxy_number(next);
	return true;
}

static void stats_gone(struct pieces *p)
{
	free(OWNER(stats_answer, pieces, p));
}

static void errors_watch_end(struct timer *t)
{
	atomic_store_explicit(&errors_wanted, false, memory_order_relaxed);
}

/* Protocols look for errors from now on, until nobody has asked for a while. */
static void errors_watch(struct loop *loop)
{
	static struct timer end = { .fire = errors_watch_end };

	atomic_store_explicit(&errors_wanted, true, memory_order_relaxed);
	timer_set(loop, &end, loop->now + WATCHED);
}

static void get_stats(struct request *r)
{
	struct stats_answer *a = xcalloc(1, sizeof *a);

	a->pieces = (struct pieces){ stats_next, stats_gone };
	a->control = request_control(r);
	errors_watch(control_loop(a->control));
	request_pieces(r, 200, TYPE_JSON, &a->pieces);
}

static const struct route routes[] = {
	{ "GET", "/stats", get_stats, false },
	{ NULL },
};

DIALECT(stats, .routes = routes)
