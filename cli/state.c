/* state.c - vaurienctl's actions that look on: the state of all proxies, and a wait for a rule. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"

/* ---- times ---- */

bool seconds_read(const char *text, double *seconds)
{
	static const struct { const char *unit; double seconds; } units[] = {
		{ "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "us", 1e-6 }, { "m", 60 }, { "h", 3600 },
	};
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || strspn(text, "0123456789.") != (size_t)(end - text))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (!strcmp(end, units[i].unit)) {
			*seconds *= units[i].seconds;
			return *seconds > 0 && *seconds < 1e9;
		}
	return false;
}

double clock_now(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* "3 s ago": in the largest unit that leaves a number of at most two digits. */
static char *ago_show(double seconds)
{
	static const struct { double seconds; const char *unit; } units[] = {
		{ 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" },
	};
	size_t i = 0;
	char *text;

	while (i < 3 && seconds < 2 * units[i].seconds)
		i++;
	text = xasprintf("%.0f %s ago", seconds > 0 ? seconds / units[i].seconds : 0,
	                 units[i].unit);
	return text;
}

/* ---- status ---- */

/* "slow: delay sleep=2s, 4 hits; ..." Both are of one proxy; *last and *when: its last fault. */
static void rules_tell(FILE *out, json_t *rules, const char **last, double *when)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) {
		char *words = line_make(text_of(rule, "as_rule"));
		json_int_t hits = json_integer_value(json_object_get(rule, "hits"));
		double at = json_number_value(json_object_get(rule, "last_hit"));
		fprintf(out, "%s%s, %" JSON_INTEGER_FORMAT " %s", i ? "; " : "", words, hits,
		        hits == 1 ? "hit" : "hits");
		if (at > *when) {
			*when = at;
			*last = text_of(rule, "name");
		}
		free(words);
	}
}

void failures_tell(FILE *out, const json_t *proxy)
{
	static const struct { const char *leg, *peer; } legs[] = {
		{ "client", "clients" }, { "backend", "the backend" },
	};
	const json_t *tls = json_object_get(proxy, "tls");

	for (size_t i = 0; i < sizeof legs / sizeof legs[0]; i++) {
		const json_t *leg = json_object_get(tls, legs[i].leg);
		json_int_t n = json_integer_value(json_object_get(leg, "failures"));
		if (n)
			fprintf(out, "%sTLS with %s failed %" JSON_INTEGER_FORMAT " %s",
			        ftell(out) > 0 ? "; " : "", legs[i].peer, n,
			        n == 1 ? "time" : "times");
	}
}

/* Adds to the row what the table shows besides: state, faults, last. */
static void row_complete(json_t *row, json_t *rules)
{
	const char *last = NULL;
	double when = 0;
	char *text, *ago;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	rules_tell(out, rules, &last, &when);
	failures_tell(out, row);
	fclose(out);
	json_object_set_new(row, "faults", *text ? json_string(text) : json_null());
	if (last) {
		ago = ago_show(clock_now(CLOCK_REALTIME) - when);
		json_object_set_new(row, "last", json_sprintf("%s, %s", last, ago));
		free(ago);
	}
	json_object_set_new(row, "state",
	                    json_string(json_is_true(json_object_get(row, "listening")) ? "up"
	                                                                                : "off"));
	free(text);
}

static json_t *rules_get(struct call *c, const char *proxy)
{
	char *path = path_make("", proxy, "rules", NULL);
	json_t *body = call_get(c, path), *rules = json_incref(reply_rows(body, "rules"));

	if (body && !rules)
		fail_foreign(c, 200);
	free(path);
	json_decref(body);
	return rules;
}

/* Each row gets its "rules". False: no answer, which it has printed. */
static bool rules_add(struct call *c, json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *rules = rules_get(c, text_of(row, "name"));
		if (!rules)
			return false;
		json_object_set_new(row, "rules", rules);
	}
	return true;
}

/* A refusal of all clients is a rule, but to users the proxy is down. */
static bool is_refusing(const json_t *rules)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule)
		if (rule_refuses(rule))
			return true;
	return false;
}

static void status_show(json_t *rows)
{
	static const struct column columns[] = {
		{ "name", "proxy" }, { "protocol", "protocol" }, { "listen", "listen" },
		{ "backend", "backend" }, { "state", "state" }, { "connections", "clients" },
		{ "last", "last fault" }, { "faults", "faults" }, { NULL },
	};
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *rules = json_object_get(row, "rules");
		row_complete(row, rules);
		if (is_refusing(rules))
			json_object_set_new(row, "state", json_string("down"));
	}
	table_show(columns, rows, "no proxies");
}

/* Those of another name go. False: none is left. */
static bool rows_narrow(json_t *rows, const char *proxy)
{
	for (size_t i = json_array_size(rows); i--;)
		if (proxy && strcmp(text_of(json_array_get(rows, i), "name"), proxy))
			json_array_remove(rows, i);
	return !proxy || json_array_size(rows);
}

static int status(struct call *c)
{
	json_t *info = call_get(c, "/info"), *rows = reply_rows(info, "proxies"), *names = NULL;
	int rc = 0;

	if (!info)
		return FAILED;
	if (!rows) {
		rc = fail_foreign(c, 200);
	} else if (!rows_narrow(rows, c->proxy)) {
		names = rules_get(c, c->proxy);         /* the server's own sentence */
		rc = FAILED;
	} else if (!rules_add(c, rows)) {
		rc = FAILED;
	} else if (c->json) {
		json_t *all = json_pack("{s:O}", "proxies", rows);
		json_show(all);
		json_decref(all);
	} else {
		status_show(rows);
	}
	json_decref(names);
	json_decref(info);
	return rc;
}

/* ---- wait ---- */

enum { TRY_FIRST = 20, TRY_MOST = 200 };        /* ms between two questions */

struct wish { const char *rule; json_int_t hits; double until, timeout; const char *lasts; };

/* It rests longer each time. False: the time is over. */
static bool rest(const struct wish *w, long *ms)
{
	double left = w->until - clock_now(CLOCK_MONOTONIC);
	double now = (double)*ms / 1000 < left ? (double)*ms / 1000 : left;

	if (left <= 0)
		return false;
	nanosleep(&(struct timespec){ (time_t)now, (long)((now - (double)(time_t)now) * 1e9) },
	          NULL);
	*ms = *ms * 3 / 2 < TRY_MOST ? *ms * 3 / 2 : TRY_MOST;
	return true;
}

/* Until it answers at all. */
static int wait_answer(struct call *c, const struct wish *w)
{
	long ms = TRY_FIRST;
	struct reply r;

	c->quiet = true;
	do
		if (call_send(c, "GET", "/info", NULL, &r)) {
			int rc = r.status == 200 ? 0 : fail_reply(c, &r);
			if (!rc && c->json)
				json_show(r.body);
			reply_free(&r);
			return rc;
		}
	while (rest(w, &ms));
	char *url = unix_path(c) ? NULL : call_url(c, "");
	fprintf(stderr, "vaurienctl: wait: no answer from %s within %s\n",
	        url ? url : call_host(c), w->lasts);
	curl_free(url);
	return FAILED;
}

static int wait_over(struct call *c, const struct wish *w, const json_t *rule)
{
	char *name = line_make(w->rule), *whose = whose_make(c);

	fprintf(stderr, "vaurienctl: wait: rule '%s'%s has %" JSON_INTEGER_FORMAT " of %"
	        JSON_INTEGER_FORMAT " hits after %s; seen %" JSON_INTEGER_FORMAT ", unreachable %"
	        JSON_INTEGER_FORMAT "\n", name, whose,
	        json_integer_value(json_object_get(rule, "hits")), w->hits, w->lasts,
	        json_integer_value(json_object_get(rule, "seen")),
	        json_integer_value(json_object_get(rule, "unreachable")));
	free(whose);
	free(name);
	return FAILED;
}

/* Has it as many hits? -1: not yet; else the exit code. */
static int hits_check(struct call *c, const struct wish *w, const json_t *rule)
{
	if (json_integer_value(json_object_get(rule, "hits")) < w->hits)
		return -1;
	if (c->json)
		json_show(rule);
	return 0;
}

static int wait_hits(struct call *c, const struct wish *w)
{
	char *path = c->proxy ? path_make("", c->proxy, "rules", w->rule, NULL)
	                      : path_make("", "rules", w->rule, NULL);
	json_t *rule = NULL;
	long ms = TRY_FIRST;
	struct reply r;
	int rc = -1;

	do {
		if (!call_send(c, "GET", path, NULL, &r)) {
			rc = FAILED;
			break;
		}
		if (r.status == 200 && json_is_object(r.body)) {
			json_decref(rule);
			rule = json_incref(r.body);
			rc = hits_check(c, w, rule);
		} else {
			rc = fail_reply(c, &r);
		}
		reply_free(&r);
	} while (rc < 0 && rest(w, &ms));
	rc = rc < 0 ? wait_over(c, w, rule) : rc;
	json_decref(rule);
	free(path);
	return rc;
}

static int misuse_option(const char *name, const char *expected, const json_t *got)
{
	char *line = json_is_string(got) ? line_make(json_string_value(got)) : NULL;

	fprintf(stderr, "vaurienctl: error: wait: --%s: expected %s%s%s%s\n", name, expected,
	        line ? ", got '" : "", line ? line : "", line ? "'" : "");
	free(line);
	return MISUSED;
}

static int wait(struct call *c)
{
	const json_t *rule = json_object_get(c->options, "rule");
	const json_t *hits = json_object_get(c->options, "hits");
	const json_t *timeout = json_object_get(c->options, "timeout");
	const char *text = json_string_value(hits);
	struct wish w = { json_string_value(rule), 1, .lasts = timeout ? json_string_value(timeout)
	                                                               : "30s" };

	if (rule && !w.rule)
		return misuse_option("rule", "the name of a rule", rule);
	if (hits && (!text || !*text || strspn(text, "0123456789") != strlen(text)
	             || strlen(text) > 15 || !(w.hits = atoll(text))))
		return misuse_option("hits", "a whole number above 0", hits);
	if (hits && !rule)
		return misuse_option("rule", "the name of a rule", NULL);
	if (!w.lasts || !seconds_read(w.lasts, &w.timeout))
		return misuse_option("timeout", "a time above 0, such as 10s", timeout);
	if (!c->until)
		c->until = clock_now(CLOCK_MONOTONIC) + w.timeout;
	w.until = c->until;
	return w.rule ? wait_hits(c, &w) : wait_answer(c, &w);
}

static const char *const wait_options[] = { "rule", "hits", "timeout", NULL };

const struct action state_actions[] = {
	{ "status", "[PROXY]", "show each proxy in a line: clients, faults, hits",
	  0, 1, NULL, status, .whom = MANY },
	{ "wait", "[--rule NAME] [--hits N] [--timeout TIME]",
	  "wait until vaurien answers, or a rule has struck", 0, 0, wait_options, wait,
	  "  --rule NAME     the rule; behavior: that of set-behavior. Without it: wait until\n"
	  "                  vaurien answers\n"
	  "  --hits N        since it was set, not since the wait began (default 1)\n"
	  "  --timeout TIME  as 10s or 500ms (default 30s); then the exit code is 1\n",
	  .whom = ONE, .shared = true },
	{ NULL },
};
