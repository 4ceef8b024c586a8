/* top_data.c - what `vaurienctl top` shows: metrics and rules, and rates of the last second. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "top.h"

enum { RULES_OF_MOST = 40, CONNECTIONS_MOST = 500 };    /* asked for each second */

/* ---- what is printed becomes the message ---- */

/* Takes the text over. Here it needs no words around the sentence. */
static void message_take(struct top *t, char *text)
{
	static const char *const before[] = { "The request failed. ", "vaurienctl: ", "error: " };

	for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
		size_t n = strlen(before[i]);
		if (!strncmp(text, before[i], n))
			memmove(text, text + n, strlen(text + n) + 1);
	}
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	for (char *p = text; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	free(t->message);
	t->message = text;
}

int top_capture(struct top *t, int (*run)(struct call *), struct call *c)
{
	FILE *out = stdout, *err = stderr, *all;
	char *text;
	size_t size;

	all = open_memstream(&text, &size);
	assert(all);
	stdout = stderr = all;
	int rc = run(c);
	stdout = out;
	stderr = err;
	fclose(all);
	message_take(t, text);
	t->bad = rc != 0;
	return rc;
}

/* ---- metrics ---- */

/* The value of a label as it was before it was escaped: to be freed. NULL: it is not there. */
static char *label_of(const char *labels, const char *end, const char *name)
{
	size_t n = strlen(name);
	const char *at = labels;

	while (at < end && !(!strncmp(at, name, n) && !strncmp(at + n, "=\"", 2))) {
		const char *open = memchr(at, '"', (size_t)(end - at)), *p = open ? open + 1 : end;
		while (p < end && *p != '"')
			p += *p == '\\' && p + 1 < end ? 2 : 1;
		at = p + 2;             /* the quote and the comma */
	}
	if (at >= end)
		return NULL;
	char *value = strdup(at + n + 2), *to = value;
	assert(value);
	for (const char *p = value; *p && *p != '"'; p++) {
		bool escaped = *p == '\\' && p[1];
		p += escaped;
		*to++ = escaped && *p == 'n' ? '\n' : *p;
	}
	*to = 0;
	return value;
}

static void bucket_add(struct sample *s, const char *labels, const char *end, double value)
{
	char *le = label_of(labels, end, "le");

	if (le && s->n < BUCKETS) {
		s->bucket[s->n].le = strtod(le, NULL);
		s->bucket[s->n++].count = value;
	}
	free(le);
}

static void to_in(struct sample *s, const char *labels, const char *end, double value)
{
	char *direction = label_of(labels, end, "direction");

	if (direction && !strcmp(direction, "request"))
		s->in = value;
	free(direction);
}

static void to_out(struct sample *s, const char *labels, const char *end, double value)
{
	char *direction = label_of(labels, end, "direction");

	if (direction && !strcmp(direction, "response"))
		s->out = value;
	free(direction);
}

#define TO(field) \
	static void to_##field(struct sample *s, const char *l, const char *e, double value) \
	{ \
		s->field += value; \
	}
TO(clients)
TO(exchanges)
TO(held)
TO(hits)

static const struct {
	const char *name;
	void (*take)(struct sample *, const char *labels, const char *end, double value);
} metrics[] = {
	{ "vaurien_connections_open", to_clients }, { "vaurien_exchanges_total", to_exchanges },
	{ "vaurien_held_bytes", to_held }, { "vaurien_rule_hits_total", to_hits },
	{ "vaurien_received_bytes_total", to_in }, { "vaurien_sent_bytes_total", to_out },
	{ "vaurien_exchange_seconds_bucket", bucket_add },
};

/* NULL: there is no such proxy. `numbers`: name to index. */
static struct sample *sample_of(struct top *t, const json_t *numbers, const char *proxy)
{
	const json_t *number = proxy ? json_object_get(numbers, proxy) : NULL;

	return number ? &t->rows[json_integer_value(number)].now : NULL;
}

/* name{proxy="x",...} 12 */
static void metric_take(struct top *t, const json_t *numbers, const char *line, size_t n)
{
	const char *open = memchr(line, '{', n), *end = memrchr(line, '}', n);
	size_t i = 0;

	if (!open || !end || end < open)
		return;
	while (i < sizeof metrics / sizeof metrics[0]
	       && (strlen(metrics[i].name) != (size_t)(open - line)
	           || memcmp(metrics[i].name, line, (size_t)(open - line))))
		i++;
	if (i == sizeof metrics / sizeof metrics[0])
		return;
	char *proxy = label_of(open + 1, end, "proxy");
	struct sample *s = sample_of(t, numbers, proxy);
	if (s)
		metrics[i].take(s, open + 1, end, strtod(end + 1, NULL));
	free(proxy);
}

static bool metrics_fetch(struct top *t)
{
	json_t *numbers = json_object();
	struct reply r;

	if (!call_send(t->call, "GET", "/metrics", NULL, &r)) {
		json_decref(numbers);
		return false;
	}
	for (size_t i = 0; i < t->n; i++)
		json_object_set_new(numbers, t->rows[i].name, json_integer((json_int_t)i));
	for (const char *line = r.text; r.status == 200 && line && *line;) {
		size_t n = strcspn(line, "\n");
		metric_take(t, numbers, line, n);
		line += n + (line[n] == '\n');
	}
	bool good = r.status == 200 || fail_reply(t->call, &r) == 0;
	reply_free(&r);
	json_decref(numbers);
	return good;
}

/* ---- rates ---- */

/* A counter begins anew with its proxy. */
static double gain(double now, double before)
{
	return now > before ? now - before : 0;
}

static double gained(const struct row *r, unsigned i)
{
	bool same = r->before.n == r->now.n && r->now.bucket[r->now.n - 1].count
	                                       >= r->before.bucket[r->now.n - 1].count;

	return r->now.bucket[i].count - (same ? r->before.bucket[i].count : 0);
}

/* Of the exchanges between the samples; between two buckets it is taken to be even. */
static double percentile(const struct row *r, double share)
{
	unsigned last = r->now.n ? r->now.n - 1 : 0, i = 0;
	double wanted = r->now.n ? gained(r, last) * share : 0;

	if (wanted <= 0)
		return -1;
	while (i < last && gained(r, i) < wanted)
		i++;
	double low = i ? r->now.bucket[i - 1].le : 0, under = i ? gained(r, i - 1) : 0;
	if (i == last)                  /* above the last bound */
		return low;
	return low + (r->now.bucket[i].le - low) * (wanted - under) / (gained(r, i) - under);
}

static void rates_make(struct row *r, double seconds)
{
	const struct sample *a = &r->before, *b = &r->now;

	r->rate = (struct rates){ .clients = b->clients, .held = b->held, .p50 = -1, .p99 = -1 };
	if (!r->sampled || seconds <= 0)
		return;
	r->rate.exchanges = gain(b->exchanges, a->exchanges) / seconds;
	r->rate.hits = gain(b->hits, a->hits) / seconds;
	r->rate.in = gain(b->in, a->in) / seconds;
	r->rate.out = gain(b->out, a->out) / seconds;
	r->rate.p50 = percentile(r, 0.5);
	r->rate.p99 = percentile(r, 0.99);
}

/* ---- proxies ---- */

static void row_free(struct row *r)
{
	free(r->name);
	free(r->protocol);
	free(r->listen);
	free(r->backend);
	free(r->behavior);
	free(r->failures);
	free(r->faults);
	json_decref(r->rules);
}

static char *failures_make(const json_t *proxy)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	failures_tell(out, proxy);
	fclose(out);
	return text;
}

static struct row row_make(const json_t *proxy)
{
	return (struct row){
		.name = xstrdup(text_of(proxy, "name")),
		.protocol = xstrdup(text_of(proxy, "protocol")),
		.listen = xstrdup(text_of(proxy, "listen")),
		.backend = xstrdup(text_of(proxy, "backend")),
		.behavior = xstrdup(text_of(proxy, "behavior")),
		.failures = failures_make(proxy),
		.faults = xstrdup(""),
		.listening = json_is_true(json_object_get(proxy, "listening")),
	};
}

/* What was known of the proxy of this name goes over to `to`. */
static void row_inherit(struct row *to, struct row *old, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(old[i].name, to->name)) {
			to->before = old[i].now;
			to->sampled = true;
			to->rules = json_incref(old[i].rules);
			free(to->faults);
			to->faults = strdup(old[i].faults);
			to->refusing = old[i].refusing;
			return;
		}
}

static bool proxies_fetch(struct top *t)
{
	json_t *info = call_get(t->call, "/info"), *list = reply_rows(info, "proxies"), *proxy;
	size_t i, n = json_array_size(list);

	if (!list) {
		if (info)
			fail_foreign(t->call, 200);
		json_decref(info);
		return false;
	}
	struct row *rows = calloc(n + 1, sizeof *rows);
	assert(rows);
	json_array_foreach(list, i, proxy) {
		rows[i] = row_make(proxy);
		row_inherit(&rows[i], t->rows, t->n);
	}
	for (i = 0; i < t->n; i++)
		row_free(&t->rows[i]);
	free(t->rows);
	free(t->version);
	t->rows = rows;
	t->n = n;
	t->version = xstrdup(text_of(info, "version"));
	json_decref(info);
	return true;
}

/* ---- rules, connections ---- */

static void faults_tell(struct row *r)
{
	const json_t *rule;
	char *text;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	r->refusing = false;
	json_array_foreach(r->rules, i, rule) {
		fprintf(out, "%s%s", i ? "; " : "", text_of(rule, "as_rule"));
		r->refusing |= rule_refuses(rule);
	}
	fprintf(out, "%s%s", i && *r->failures ? "; " : "", r->failures);
	fclose(out);
	free(r->faults);
	r->faults = text;
}

static bool rules_fetch(struct top *t, struct row *r)
{
	char *path = path_make("", r->name, "rules", NULL);
	json_t *body = call_get(t->call, path), *rules = reply_rows(body, "rules");

	free(path);
	if (rules) {
		json_decref(r->rules);
		r->rules = json_incref(rules);
		faults_tell(r);
	}
	json_decref(body);
	return rules;
}

static bool connections_fetch(struct top *t)
{
	struct row *r = top_chosen(t);
	char *path = r ? path_make("/proxies", r->name, "connections", NULL) : NULL, *some;
	some = xasprintf("%s?limit=%d", path ? path : "", CONNECTIONS_MOST);

	json_t *body = path ? call_get(t->call, some) : NULL;
	json_decref(t->connections);
	t->connections = json_incref(reply_rows(body, "connections"));
	json_decref(body);
	free(some);
	free(path);
	return !r || t->connections;
}

static int fetch(struct call *c)
{
	struct top *t = c->top;
	double before = t->sampled;

	if (!proxies_fetch(t) || !metrics_fetch(t))
		return FAILED;
	t->sampled = clock_now(CLOCK_MONOTONIC);
	for (size_t i = 0; i < t->n; i++)
		rates_make(&t->rows[i], t->sampled - before);
	top_arrange(t);
	for (size_t i = t->proxies.top; i < t->n_shown && i < t->proxies.top + RULES_OF_MOST; i++)
		if (!rules_fetch(t, &t->rows[t->shown[i]]))
			return FAILED;
	return t->what != CONNECTIONS || connections_fetch(t) ? 0 : FAILED;
}

bool top_fetch(struct top *t)
{
	char *kept = t->message;
	bool bad = t->bad;

	t->message = NULL;
	t->call->top = t;
	int rc = top_capture(t, fetch, t->call);
	bool keep = !rc && !t->lost;    /* the message of the last action */
	t->lost = rc;
	if (keep) {
		free(t->message);
		t->message = kept;
		t->bad = bad;
	} else {
		free(kept);
	}
	return !rc;
}

/* ---- which, and in which order ---- */

static bool row_fits(const struct row *r, const char *filter)
{
	return !*filter || strcasestr(r->name, filter) || strcasestr(r->protocol, filter)
	    || strcasestr(r->listen, filter) || strcasestr(r->backend, filter)
	    || strcasestr(r->faults, filter);
}

static int by_column(const void *a, const void *b, void *top)
{
	const struct top *t = top;
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int order = top_columns[t->sort].compare(&t->rows[i], &t->rows[k]);

	if (!order)
		return i < k ? -1 : i > k;
	return t->reverse ? -order : order;
}

void top_arrange(struct top *t)
{
	size_t n = 0;

	t->shown = realloc(t->shown, (t->n + 1) * sizeof *t->shown);
	assert(t->shown);
	for (size_t i = 0; i < t->n; i++)
		if (row_fits(&t->rows[i], t->filter))
			t->shown[n++] = i;
	t->n_shown = n;
	qsort_r(t->shown, n, sizeof *t->shown, by_column, t);
	for (size_t i = 0; t->chosen && i < n; i++)
		if (!strcmp(t->rows[t->shown[i]].name, t->chosen))
			t->proxies.at = i;
	top_choose(t, t->proxies.at);
}

void top_choose(struct top *t, size_t at)
{
	t->proxies.at = at < t->n_shown ? at : t->n_shown ? t->n_shown - 1 : 0;
	struct row *r = top_chosen(t);
	bool same = r && t->chosen && !strcmp(r->name, t->chosen);

	if (same)
		return;
	free(t->chosen);
	t->chosen = r ? xstrdup(r->name) : NULL;
	t->details = (struct list){ 0 };
	json_decref(t->connections);
	t->connections = NULL;
}

struct row *top_chosen(const struct top *t)
{
	bool there = t->proxies.at < t->n_shown && t->shown[t->proxies.at] < t->n;

	return there ? &t->rows[t->shown[t->proxies.at]] : NULL;
}

/* The name comes last, and has no blank in it. */
char *top_words(const json_t *rule)
{
	char *words = xstrdup(text_of(rule, "as_rule")), *last = strrchr(words, ' ');

	if (last && !strncmp(last, " name=", 6))
		*last = 0;
	return words;
}

static const json_t *details_of(const struct top *t)
{
	const struct row *r = top_chosen(t);

	return t->what == CONNECTIONS ? t->connections : r ? r->rules : NULL;
}

size_t top_details(const struct top *t)
{
	return json_array_size(details_of(t));
}

const json_t *top_detail(const struct top *t)
{
	return json_array_get(details_of(t), t->details.at);
}

void top_free(struct top *t)
{
	for (size_t i = 0; i < t->n; i++)
		row_free(&t->rows[i]);
	free(t->rows);
	free(t->shown);
	free(t->message);
	free(t->version);
	free(t->chosen);
	json_decref(t->connections);
}
