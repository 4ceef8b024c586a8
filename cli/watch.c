/* watch.c - vaurienctl's actions on what happens: events, and the connections that are open. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "call.h"

/* ---- events ---- */

/* 17:03:21.048 */
static char *clock_show(double seconds)
{
	bool good = seconds >= 0 && seconds < 1e11;     /* the year 5138 */
	time_t whole = good ? (time_t)seconds : 0;
	char text[16] = "";
	struct tm tm;

	if (good && localtime_r(&whole, &tm))
		strftime(text, sizeof text, "%H:%M:%S", &tm);
	return *text ? xasprintf("%s.%03d", text, (int)((seconds - (double)whole) * 1000))
	             : xasprintf("-");
}

/* "12:00:00.000  fault  default  connection=2 ...": on a terminal; else with tabs between. */
static void event_show(json_t *event)
{
	static const char *const first[] = { "id", "time", "type", "proxy", NULL };
	bool terminal = on_terminal();
	char *when = clock_show(json_number_value(json_object_get(event, "time")));
	char *type = value_show(json_object_get(event, "type"));
	char *proxy = value_show(json_object_get(event, "proxy"));
	const char *key;
	json_t *value;

	if (terminal) {
		printf("%s  ", when);
		screen_style(!strcmp(type, "fault") ? WARM : !strcmp(type, "missed")
		             || !strcmp(type, "unreachable") ? BAD : PLAIN);
		printf("%-11s", type);
		screen_style(PLAIN);
		printf("  %s ", proxy);
	} else {
		printf("%s\t%s\t%s", when, type, proxy);
	}
	json_object_foreach(event, key, value) {
		const char *const *known = first;
		while (*known && strcmp(*known, key))
			known++;
		if (*known)
			continue;
		char *text = value_show(value), *name = line_make(key);
		printf("%c%s=%s", terminal ? ' ' : '\t', name, text);
		free(name);
		free(text);
	}
	putchar('\n');
	free(when);
	free(type);
	free(proxy);
}

/* Who watches, and whether what comes is a stream of events. */
struct watcher { struct call *call; bool events; };

/* A line of server-sent events. */
static void event_take(void *whom, char *line)
{
	struct watcher *w = whom;

	w->events |= *line == ':' || !strncmp(line, "id:", 3) || !strncmp(line, "data:", 5);
	if (strncmp(line, "data:", 5))
		return;
	screen_distrust(line, strlen(line));
	json_t *event = json_loads(line + 5, 0, NULL);
	if (!json_is_object(event))
		w->events = false;
	else if (w->call->json)
		json_line_show(line + 5 + (line[5] == ' '));
	else
		event_show(event);
	json_decref(event);
	fflush(stdout);
}

static char *watch_path(struct call *c)
{
	char *path = strdup("/events");
	const char *key;
	json_t *text;

	if (c->proxy)
		json_object_set_new(c->options, "proxy", json_string(c->proxy));
	json_object_foreach(c->options, key, text) {
		const char *value = json_is_string(text) ? json_string_value(text) : "";
		char *longer, *escaped = curl_easy_escape(NULL, value, 0);
		longer = xasprintf("%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', key,
		                   escaped);
		curl_free(escaped);
		free(path);
		path = longer;
	}
	return path;
}

/* It may come later, so this is no error. */
static void proxy_warn(struct call *c)
{
	json_t *names = c->proxy ? names_get(c, "/proxies", NULL) : NULL, *name;
	bool known = !json_is_array(names);
	size_t i;

	json_array_foreach(names, i, name)
		known |= !strcmp(json_string_value(name), c->proxy);
	const char *near = known ? NULL : nearest(c->proxy, names);
	if (!known)
		fprintf(stderr, "warning: there is no proxy '%s' yet%s%s%s\n", c->proxy,
		        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	json_decref(names);
}

static int watch(struct call *c)
{
	proxy_warn(c);
	char *path = watch_path(c);
	struct watcher w = { c };
	struct reply r;
	int rc = 0;

	if (!call_stream(c, path, event_take, &w, &r))
		rc = FAILED;
	else if (r.status != 200)
		rc = fail_reply(c, &r);
	else if (!w.events)
		rc = fail_foreign(c, r.status);
	free(path);
	reply_free(&r);
	return rc;
}

/* ---- connections ---- */

static json_t *of_direction(const json_t *row, const char *direction, const char *key)
{
	return json_object_get(json_object_get(row, direction), key);
}

/* Of both directions, as long as they are numbers of bytes. */
static json_int_t held_bytes(const json_t *row)
{
	json_int_t a = json_integer_value(of_direction(row, "request", "held"));
	json_int_t b = json_integer_value(of_direction(row, "response", "held")), sum;

	return __builtin_add_overflow(a, b, &sum) ? 0 : sum;
}

/* One level, for a table. */
static void connection_flatten(json_t *row)
{
	json_object_set(row, "in", of_direction(row, "request", "received"));
	json_object_set(row, "out", of_direction(row, "response", "sent"));
	json_object_set_new(row, "held", json_integer(held_bytes(row)));
	json_object_set(row, "rule", of_direction(row, "held_by", "rule"));
	json_object_set(row, "verb", of_direction(row, "asks", "verb"));
}

/* For a person: 4.2 s, 77 s. Programs read seconds. */
static void age_show(json_t *row)
{
	const json_t *age = json_object_get(row, "age");
	double s = json_number_value(age);

	if (json_is_number(age))
		json_object_set_new(row, "age", json_sprintf(s < 9.95 ? "%.1f s" : "%.0f s", s));
}

static char *connections_path(const struct call *c, const char *number)
{
	return c->proxy ? path_make("/proxies", c->proxy, "connections", number, NULL)
	                : path_make("", "connections", NULL);
}

static void connections_show(json_t *rows, bool of_several)
{
	static const struct column columns[] = {
		{ "proxy", "proxy" }, { "connection", "number" },
		{ "client", "client" }, { "backend", "backend" },
		{ "state", "state" }, { "age", "age" }, { "exchanges", "exchanges" },
		{ "in", "from client" }, { "out", "to client" }, { "held", "held" },
		{ "rule", "held by" }, { "verb", "asks" }, { NULL },
	};
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		connection_flatten(row);
		if (on_terminal())
			age_show(row);
	}
	table_show(columns + !of_several, rows, "no connections");
}

static int connections(struct call *c)
{
	char *path = connections_path(c, NULL);
	json_t *names = several(c);
	json_t *answer = names ? get_of_each(c, names, "connections") : call_get(c, path);
	json_t *rows = reply_rows(answer, "connections");
	int rc = answer ? 0 : FAILED;

	free(path);
	if (answer && !rows)
		rc = fail_foreign(c, 200);
	else if (answer && c->json)
		json_show(answer);
	else if (answer)
		connections_show(rows, names);
	json_decref(names);
	json_decref(answer);
	return rc;
}

/* One, or all. */
static int close_connection(struct call *c)
{
	const char *which = c->words[1];

	if (strcmp(which, "all") && strspn(which, "0123456789") != strlen(which)) {
		char *line = line_make(which);
		fprintf(stderr, "vaurienctl: error: close: expected a number or all, got '%s'\n",
		        line);
		free(line);
		return MISUSED;
	}
	bool all = !strcmp(c->words[1], "all"), reset = json_object_get(c->options, "reset");
	char *path = connections_path(c, all ? NULL : c->words[1]), *how;
	how = xasprintf("%s?how=%s", path, reset ? "reset" : "close");

	int rc = call_do(c, "DELETE", how, NULL,
	                 reset ? "Reset %s%s of proxy %s" : "Closed %s%s of proxy %s",
	                 all ? "all connections" : "connection ", all ? "" : c->words[1],
	                 c->words[0]);
	free(how);
	free(path);
	return rc;
}

static const char *const watch_options[] = { "type", NULL };
static const char *const close_options[] = { "reset", NULL };

const struct action watch_actions[] = {
	{ "watch", "[--type TYPE,...]", "show events as they happen", 0, 0, watch_options, watch,
	  "  --type TYPE,...  only these: opened, closed, fault, unreachable, missed, raw,\n"
	  "                   changed, exchange, gave_up, tls, mark; exchange only if named\n\n"
	  "With --proxy NAME only that proxy's events. docs/api.md describes their fields.\n",
	  .whom = MANY },
	{ "connections", "[PROXY]", "list the open connections, and the rules that hold them", 0, 1,
	  NULL, connections, .whom = MANY },
	{ "close", "PROXY NUMBER|all [--reset]", "close one of its connections, or all", 2, 2,
	  close_options, close_connection,
	  "  --reset  end them with RST; otherwise what is due is sent first, then FIN\n",
	  .whom = ONE },
	{ NULL },
};
