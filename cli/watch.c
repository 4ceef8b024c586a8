/* watch.c - vaurienctl's actions on what goes on: events as they happen, connections as they are, and their end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"

/* ---- events ---- */

/* 17:03:21.048 */
static char *clock_show(double seconds)
{
	time_t whole = (time_t)seconds;
	char text[16], *made;
	struct tm tm;

	localtime_r(&whole, &tm);
	strftime(text, sizeof text, "%H:%M:%S", &tm);
	int n = asprintf(&made, "%s.%03d", text, (int)((seconds - (double)whole) * 1000));
	assert(n > 0);
	return made;
}

/* "12:00:00.000  fault  default  connection=2 exchange=1 ...": on a terminal; else with tabs between. */
static void event_show(json_t *event)
{
	static const char *const first[] = { "id", "time", "type", "proxy", NULL };
	bool terminal = on_terminal();
	char *when = clock_show(json_number_value(json_object_get(event, "time")));
	char *type = value_show(json_object_get(event, "type")), *proxy = value_show(json_object_get(event, "proxy"));
	const char *key;
	json_t *value;

	printf(terminal ? "%s  %-11s  %s " : "%s\t%s\t%s", when, type, proxy);
	json_object_foreach(event, key, value) {
		const char *const *known = first;
		while (*known && strcmp(*known, key))
			known++;
		if (*known)
			continue;
		char *text = value_show(value);
		printf("%c%s=%s", terminal ? ' ' : '\t', key, text);
		free(text);
	}
	putchar('\n');
	free(when);
	free(type);
	free(proxy);
}

/* A line of server-sent events. */
static void event_take(void *whom, char *line)
{
	const struct call *c = whom;

	if (strncmp(line, "data:", 5))
		return;
	json_t *event = json_loads(line + 5, 0, NULL);
	if (event && c->json)
		puts(line + 5 + (line[5] == ' '));
	else if (event)
		event_show(event);
	json_decref(event);
	fflush(stdout);
}

static int watch(struct call *c)
{
	char *path = strdup("/events");
	const char *key;
	json_t *text;
	struct reply r;
	int rc = 0;

	if (c->proxy)
		json_object_set_new(c->options, "proxy", json_string(c->proxy));
	json_object_foreach(c->options, key, text) {
		char *longer, *escaped = curl_easy_escape(NULL, json_is_string(text) ? json_string_value(text) : "", 0);
		int n = asprintf(&longer, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', key, escaped);
		assert(n > 0);
		curl_free(escaped);
		free(path);
		path = longer;
	}
	bool answered = call_stream(c, path, event_take, c, &r);
	free(path);
	if (!answered)
		rc = FAILED;
	else if (r.status != 200)
		rc = fail_reply(&r);
	reply_free(&r);
	return rc;
}

/* ---- connections ---- */

static json_int_t sum(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(row, "request"), key)) +
	       json_integer_value(json_object_get(json_object_get(row, "response"), key));
}

/* One level, for a table. */
static void connection_flatten(json_t *row)
{
	json_t *rule = json_object_get(json_object_get(row, "held_by"), "rule"), *verb = json_object_get(json_object_get(row, "asks"), "verb");

	json_object_set_new(row, "in", json_incref(json_object_get(json_object_get(row, "request"), "received")));
	json_object_set_new(row, "out", json_incref(json_object_get(json_object_get(row, "response"), "sent")));
	json_object_set_new(row, "held", json_integer(sum(row, "held")));
	json_object_set(row, "rule", rule);
	json_object_set(row, "verb", verb);
}

static char *connections_path(const struct call *c, const char *number)
{
	return c->n ? path_make("/proxies", c->words[0], "connections", number, NULL) : path_make("", "connections", NULL);
}

static int connections(struct call *c)
{
	static const struct column columns[] = {
		{ "connection", "number" }, { "client", "client" }, { "backend", "backend" }, { "state", "state" }, { "age", "age" },
		{ "exchanges", "exchanges" }, { "in", "from client" }, { "out", "to client" }, { "held", "held" }, { "rule", "held by" },
		{ "verb", "asks" }, { NULL },
	};
	char *path = connections_path(c, NULL);
	json_t *answer = call_get(c, path), *rows = json_object_get(answer, "connections"), *row;
	size_t i;

	free(path);
	if (!answer)
		return FAILED;
	if (c->json) {
		json_show(answer);
	} else {
		json_array_foreach(rows, i, row)
			connection_flatten(row);
		table_show(columns, rows, "no connections");
	}
	json_decref(answer);
	return 0;
}

/* One, or all. */
static int close_connection(struct call *c)
{
	bool all = !strcmp(c->words[1], "all"), reset = json_object_get(c->options, "reset");
	char *path = connections_path(c, all ? NULL : c->words[1]), *how;
	int n = asprintf(&how, "%s?how=%s", path, reset ? "reset" : "close");

	assert(n > 0);
	int rc = call_do(c, "DELETE", how, NULL, reset ? "Reset %s%s of proxy %s" : "Closed %s%s of proxy %s", all ? "all connections" : "connection ",
	                 all ? "" : c->words[1], c->words[0]);
	free(how);
	free(path);
	return rc;
}

static const char *const watch_options[] = { "type", NULL }, *const close_options[] = { "reset", NULL };

const struct action watch_actions[] = {
	{ "watch", "[--type TYPE,...]", "events as they happen: opened, closed, fault, unreachable, missed, raw, changed", 0, 0, watch_options, watch },
	{ "connections", "[PROXY]", "those that are open, and which rule holds them", 0, 1, NULL, connections },
	{ "close", "PROXY NUMBER|all [--reset]", "a connection of it, or all: in good order, or with RST", 2, 2, close_options, close_connection },
	{ NULL },
};
