/* proxies.c - vaurienctl's actions on proxies: looked at, made, changed and deleted, taken to a file and back. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

static const char *const proxy_fields[] = { "name", "listen", "upstream", "enabled", "protocol", NULL };

static json_t *get_proxy(struct call *c, const char *name)
{
	char *path = path_make("/proxies", name, NULL);
	json_t *proxy = call_get(c, path);

	free(path);
	return proxy;
}

/* ---- looking ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* An object of proxies by name, as an array in the order of the names. */
static json_t *sorted(json_t *proxies)
{
	size_t n = json_object_size(proxies), i = 0;
	const char **names = calloc(n + 1, sizeof *names), *name;
	json_t *all = json_array(), *proxy;

	assert(names && all);
	json_object_foreach(proxies, name, proxy)
		names[i++] = name;
	qsort(names, n, sizeof *names, by_name);
	for (i = 0; i < n; i++)
		json_array_append(all, json_object_get(proxies, names[i]));
	free(names);
	return all;
}

static const char *enabled_word(const json_t *proxy)
{
	return json_is_true(json_object_get(proxy, "enabled")) ? "enabled" : "disabled";
}

static int list(struct call *c)
{
	static const struct column columns[] = {
		{ "name", "name" }, { "listen", "listen" }, { "upstream", "upstream" }, { "enabled", "enabled" }, { "toxics", "toxics" }, { NULL },
	};
	json_t *proxies = call_get(c, "/proxies"), *rows, *row;
	size_t i;

	if (!proxies)
		return FAILED;
	if (c->json) {
		json_show(proxies);
		json_decref(proxies);
		return 0;
	}
	rows = sorted(proxies);
	json_array_foreach(rows, i, row) {
		json_object_set_new(row, "enabled", json_string(enabled_word(row)));
		json_object_set_new(row, "toxics", json_integer((json_int_t)json_array_size(json_object_get(row, "toxics"))));
	}
	table_show(columns, rows, "no proxies");
	json_decref(rows);
	json_decref(proxies);
	return 0;
}

static int inspect(struct call *c)
{
	json_t *proxy = get_proxy(c, c->words[0]);

	if (!proxy)
		return FAILED;
	if (c->json) {
		json_show(proxy);
	} else {
		if (on_terminal())
			printf("%s: %s -> %s, %s\n\n", c->words[0], json_string_value(json_object_get(proxy, "listen")),
			       json_string_value(json_object_get(proxy, "upstream")), enabled_word(proxy));
		toxics_show(json_object_get(proxy, "toxics"));
	}
	json_decref(proxy);
	return 0;
}

/* ---- changing ---- */

static int create(struct call *c)
{
	json_t *body = json_pack("{s:s}", "name", c->words[0]), *text;
	const char *key;

	json_object_foreach(c->options, key, text)
		json_object_set_new(body, key, strcmp(key, "enabled") ? json_incref(text) : value_parse(text));
	return call_do(c, "POST", "/proxies", body, "Created new proxy %s", c->words[0]);
}

/* Its path, and what is said with its name. */
static int do_proxy(struct call *c, const char *method, json_t *body, const char *format)
{
	char *path = path_make("/proxies", c->words[0], NULL);
	int rc = call_do(c, method, path, body, format, c->words[0]);

	free(path);
	return rc;
}

static int delete(struct call *c)
{
	return do_proxy(c, "DELETE", NULL, "Deleted proxy %s");
}

static int set_enabled(struct call *c, bool enabled)
{
	return do_proxy(c, "POST", json_pack("{s:b}", "enabled", enabled), enabled ? "Proxy %s is now enabled" : "Proxy %s is now disabled");
}

static int enable(struct call *c)
{
	return set_enabled(c, true);
}

static int disable(struct call *c)
{
	return set_enabled(c, false);
}

static int toggle(struct call *c)
{
	json_t *proxy = get_proxy(c, c->words[0]);

	if (!proxy)
		return FAILED;
	bool enabled = json_is_true(json_object_get(proxy, "enabled"));
	json_decref(proxy);
	return set_enabled(c, !enabled);
}

static int reset(struct call *c)
{
	return call_do(c, "POST", "/reset", NULL, "All proxies are enabled, and have no toxics");
}

/* ---- to a file and back ---- */

/* What populate takes: without what was counted. */
static json_t *exported(const json_t *proxy)
{
	json_t *made = json_object();

	for (const char *const *field = proxy_fields; *field; field++)
		if (json_object_get(proxy, *field))
			json_object_set(made, *field, json_object_get(proxy, *field));
	json_object_set_new(made, "toxics", toxics_exported(json_object_get(proxy, "toxics"), json_string_value(json_object_get(proxy, "name"))));
	return made;
}

static int export(struct call *c)
{
	json_t *proxies = call_get(c, "/proxies"), *rows, *row, *all;
	size_t i;

	if (!proxies)
		return FAILED;
	rows = sorted(proxies);
	all = json_array();
	json_array_foreach(rows, i, row)
		json_array_append_new(all, exported(row));
	json_show(all);
	json_decref(all);
	json_decref(rows);
	json_decref(proxies);
	return 0;
}

/* "-": the standard input. NULL: said what is wrong. */
static json_t *file_read(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	json_error_t error;

	if (!f) {
		fprintf(stderr, "vaurienctl: %s: %s\n", path, strerror(errno));
		return NULL;
	}
	json_t *made = json_loadf(f, 0, &error);
	if (f != stdin)
		fclose(f);
	if (!made)
		fprintf(stderr, "vaurienctl: %s: line %d: expected JSON: %s\n", path, error.line, error.text);
	return made;
}

static void say_populated(const json_t *proxies)
{
	const json_t *proxy;
	size_t i;

	printf("Populated %zu %s%s", json_array_size(proxies), json_array_size(proxies) == 1 ? "proxy" : "proxies", json_array_size(proxies) ? ": " : "");
	json_array_foreach(proxies, i, proxy)
		printf("%s%s", i ? ", " : "", json_string_value(json_object_get(proxy, "name")));
	putchar('\n');
}

static int populate(struct call *c)
{
	json_t *body = file_read(c->words[0]);
	struct reply r;
	int rc = 0;

	if (!body || !call_send(c, "POST", "/populate", body, &r))
		return FAILED;
	if (r.status != 201)
		rc = fail_reply(&r);
	else if (c->json)
		json_show(r.body);
	else
		say_populated(json_object_get(r.body, "proxies"));
	reply_free(&r);
	return rc;
}

static const char *const create_options[] = { "listen", "upstream", "enabled", "protocol", NULL };

const struct action proxy_actions[] = {
	{ "list", NULL, "the proxies", 0, 0, NULL, list },
	{ "inspect", "PROXY", "its toxics", 1, 1, NULL, inspect },
	{ "create", "PROXY --listen HOST:PORT --upstream HOST:PORT [--enabled BOOL] [--protocol NAME]", "another proxy", 1, 1, create_options, create },
	{ "delete", "PROXY", "with its connections", 1, 1, NULL, delete },
	{ "enable", "PROXY", "it listens", 1, 1, NULL, enable },
	{ "disable", "PROXY", "it listens no more, and its connections are closed", 1, 1, NULL, disable },
	{ "toggle", "PROXY", "the one or the other", 1, 1, NULL, toggle },
	{ "reset", NULL, "enable all proxies, and remove all toxics", 0, 0, NULL, reset },
	{ "populate", "FILE", "the proxies of a JSON file; - is the standard input", 1, 1, NULL, populate },
	{ "export", NULL, "all proxies, as populate takes them", 0, 0, NULL, export },
	{ NULL },
};
