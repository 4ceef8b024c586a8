/* recent.c - GET /recent: a proxy's requests of the last ten seconds, and what a match would find.
 *
 * Nothing is recorded until somebody looks. Texts are masked in the answer, but a match is tried on
 * the texts themselves. It stops when a turn of the control thread has taken long enough. */
#include <stdlib.h>
#include <string.h>

#include "api/router.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/regex.h"
#include "engine/recent.h"
#include "rules/rule_log.h"

enum {
	LATEST  = 100,                  /* texts in the answer */
	CLOSEST = 64,                   /* the newest texts: the nearest is one of them */
	SHOWN   = 96,                   /* bytes of a masked text */
};

#define BUDGET (20 * VN_MS)             /* of all searches of an answer */

struct look {                           /* one answer in the making */
	struct broadcast broadcast;
	struct request *request;
	struct control *control;
	unsigned proxy_number;          /* it may be removed meanwhile ... */
	const struct proxy *proxy;      /* ... but not during the broadcast */
	char *match;                    /* to be tried; NULL: none */
	vn_nsec now;                    /* monotonic */
	vn_nsec until;                  /* when searches must end, in processor time */
	size_t n;
	struct recent_entry **sorted;   /* n of all workers, the oldest first */
	vn_nsec since;                  /* when the record began, in all of them */
	unsigned workers;
	struct recent_list lists[];     /* one per worker */
};

static struct vn_span text_of(const struct recent_entry *e)
{
	return (struct vn_span){ e->text, e->n };
}

static json_t *masked_json(const struct recent_entry *e)
{
	char shown[SHOWN];

	rule_text_mask(text_of(e), shown, sizeof shown);
	return json_text(shown);
}

/* ---- trying a match ---- */

struct trial {
	uint64_t messages, hits;
	bool whole;                     /* all were tried, and no search gave up */
	const struct recent_entry *nearest;     /* if there is no hit; NULL: there is none */
};

static void trial_run(const struct look *l, struct regex *x, struct trial *t)
{
	size_t i = 0, gave_up = 0;

	for (; i < l->n && clock_thread() < l->until; i++) {
		enum regex_answer found = regex_match(x, text_of(l->sorted[i]));
		t->messages += l->sorted[i]->stands;
		t->hits += found == REGEX_YES ? l->sorted[i]->stands : 0;
		gave_up += found == REGEX_GAVE_UP;
	}
	t->whole = i == l->n && !gave_up;
}

/* The newest text that it finds, in upper or lower case. */
static const struct recent_entry *newest_found(const struct look *l, const char *match)
{
	const struct recent_entry *found = NULL;
	struct regex *x = regex_make(match);

	for (size_t i = 0; i < l->n && i < CLOSEST && !found && clock_thread() < l->until; i++) {
		const struct recent_entry *e = l->sorted[l->n - 1 - i];
		if (regex_match_icase(x, text_of(e)) == REGEX_YES)
			found = e;
	}
	regex_free(x);
	return found;
}

/* The first `n` bytes of the pattern, or fewer: until they are one by themselves. 0: none are. */
static size_t pattern_cut(const char *match, size_t n, char *to)
{
	char error[ERROR_MAX];

	for (; n; n--) {
		snprintf(to, n + 1, "%s", match);
		if (regex_check(to, error))
			break;
	}
	return n;
}

/* The text that the longest beginning of the pattern finds, by halving; else the newest text. */
static const struct recent_entry *nearest_find(const struct look *l, const char *match)
{
	const struct recent_entry *whole = newest_found(l, match);
	const struct recent_entry *best = whole ? whole : l->n ? l->sorted[l->n - 1] : NULL;
	size_t low = 0, high = whole ? 0 : strlen(match);
	char *part = xmalloc(strlen(match) + 1);

	while (high > low + 1 && clock_thread() < l->until) {
		size_t middle = (low + high) / 2, n = pattern_cut(match, middle, part);
		const struct recent_entry *found = n > low ? newest_found(l, part) : NULL;
		if (n > low && !found) {
			high = n;
		} else {
			best = found ? found : best;
			low = middle;
		}
	}
	free(part);
	return best;
}

/* `match` is good. */
static json_t *trial_json(const struct look *l, const char *match)
{
	struct trial t = { 0 };
	struct regex *x = regex_make(match);

	trial_run(l, x, &t);
	regex_free(x);
	if (!t.hits)
		t.nearest = nearest_find(l, match);
	return json_pack("{s:o, s:I, s:I, s:b, s:o}", "text", json_text(match),
	                 "messages", (json_int_t)t.messages, "hits", (json_int_t)t.hits,
	                 "whole", t.whole,
	                 "nearest", t.nearest ? masked_json(t.nearest) : json_null());
}

/* Those of the proxy's rules that have a match, and have hit nothing. */
static json_t *rules_json(const struct look *l, const struct spec *s)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < s->n_rules; i++) {
		const struct rule_spec *r = &s->rules[i];
		const char *match = ((const struct rule_fields *)r->fields.opts)->match;
		if (match && !r->off && !atomic_load(&r->counters->hits))
			json_object_set_new(all, r->name, trial_json(l, match));
	}
	return all;
}

/* ---- the answer ---- */

/* How many requests there were since the record began, by verb. */
static json_t *verbs_json(const struct look *l)
{
	json_t *all = json_object();

	for (unsigned k = 0; k < l->workers; k++)
		for (unsigned i = 0; i < RECENT_VERBS; i++) {
			const struct recent_verb *v = &l->lists[k].verbs[i];
			json_int_t was = json_integer_value(json_object_get(all, v->name));
			if (v->n)
				json_object_set_new(all, v->name,
				                    json_integer(was + (json_int_t)v->n));
		}
	return all;
}

static json_t *latest_json(const struct look *l)
{
	json_t *all = json_array();

	for (size_t i = l->n > LATEST ? l->n - LATEST : 0; i < l->n; i++) {
		const struct recent_entry *e = l->sorted[i];
		json_array_append_new(all, json_pack("{s:I, s:I, s:o}", "connection",
		                                     (json_int_t)e->connection, "exchange",
		                                     (json_int_t)e->exchange, "text",
		                                     masked_json(e)));
	}
	return all;
}

static json_t *look_json(const struct look *l)
{
	uint64_t messages = 0;
	const char *match = l->match;

	for (size_t i = 0; i < l->n; i++)
		messages += l->sorted[i]->stands;
	vn_nsec span = l->now - l->since;
	return json_pack("{s:f, s:I, s:b, s:f, s:o, s:o, s:o, s:o}", "seconds",
	                 (double)(span < RECENT_SPAN * VN_S ? span : RECENT_SPAN * VN_S) / VN_S,
	                 "messages", (json_int_t)messages, "exact", messages == l->n,
	                 "began", (double)l->since / VN_S,
	                 "verbs", verbs_json(l),
	                 "match", match ? trial_json(l, match) : json_null(),
	                 "rules", l->proxy ? rules_json(l, proxy_spec(l->proxy)) : json_object(),
	                 "latest", latest_json(l));
}

static int by_time(const void *a, const void *b)
{
	const struct recent_entry *x = *(struct recent_entry *const *)a;
	const struct recent_entry *y = *(struct recent_entry *const *)b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void look_sort(struct look *l)
{
	size_t all = 0;

	for (unsigned k = 0; k < l->workers; k++)
		all += l->lists[k].n;
	l->sorted = xcalloc(all + 1, sizeof *l->sorted);
	for (unsigned k = 0; k < l->workers; k++) {
		for (size_t i = 0; i < l->lists[k].n; i++)
			l->sorted[l->n++] = &l->lists[k].of[i];
		if (l->lists[k].since > l->since)
			l->since = l->lists[k].since;
	}
	qsort(l->sorted, l->n, sizeof *l->sorted, by_time);
}

static void look_ask(struct broadcast *b, struct worker *w)
{
	struct look *l = OWNER(look, broadcast, b);

	recent_take(l->proxy->shards[w->index], &l->lists[w->index]);
}

static void look_done(struct broadcast *b)
{
	struct look *l = OWNER(look, broadcast, b);

	l->proxy = control_numbered(l->control, l->proxy_number);
	l->now = clock_monotonic();
	l->until = clock_thread() + BUDGET;
	look_sort(l);
	request_answer(l->request, 200, look_json(l));
	for (unsigned k = 0; k < l->workers; k++)
		free(l->lists[k].of);
	free(l->sorted);
	free(l->match);
	free(l);
}

static void get_recent(struct request *r)
{
	const char *match = request_query(r, "match");
	unsigned n = control_worker_count(request_control(r));
	char error[ERROR_MAX];

	if (match && !regex_check(match, error)) {
		request_error(r, 400, "query", "match", error);
		return;
	}
	struct look *l = xcalloc(1, sizeof *l + n * sizeof *l->lists);
	*l = (struct look){ .broadcast = { look_ask, look_done }, .request = r,
	                    .control = request_control(r), .proxy = request_proxy(r),
	                    .proxy_number = proxy_number(request_proxy(r)), .workers = n };
	l->match = match ? xstrdup(match) : NULL;
	control_broadcast(l->control, &l->broadcast);
}

static const struct route routes[] = {
	{ "GET", "/recent", get_recent, true },
	{ NULL },
};

DIALECT(recent, .routes = routes)
