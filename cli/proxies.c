/* proxies.c - vaurienctl's actions on proxies: looked at, made, changed and deleted. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

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

json_t *proxies_sorted(json_t *proxies)
{
	size_t n = json_object_size(proxies), i = 0;
	const char **names = calloc(n + 1, sizeof *names), *name;
	json_t *all = json_array(), *proxy;
	bool good = json_is_object(proxies);

	assert(names && all);
	json_object_foreach(proxies, name, proxy) {
		good = good && json_is_object(proxy);
		names[i++] = name;
	}
	qsort(names, n, sizeof *names, by_name);
	for (i = 0; i < n; i++)
		json_array_append(all, json_object_get(proxies, names[i]));
	free(names);
	if (good)
		return all;
	json_decref(all);
	return NULL;
}

static const char *enabled_word(const json_t *proxy)
{
	return json_is_true(json_object_get(proxy, "enabled")) ? "enabled" : "disabled";
}

static void list_show(json_t *rows)
{
	static const struct column columns[] = {
		{ "name", "name" }, { "listen", "listen" }, { "upstream", "upstream" },
		{ "enabled", "enabled" }, { "toxics", "toxics" }, { NULL },
	};
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		size_t toxics = json_array_size(json_object_get(row, "toxics"));
		json_object_set_new(row, "enabled", json_string(enabled_word(row)));
		json_object_set_new(row, "toxics", json_integer((json_int_t)toxics));
	}
	table_bare(columns, rows, "no proxies");        /* as Toxiproxy's own client prints it */
}

static int list(struct call *c)
{
	json_t *proxies = call_get(c, "/proxies"), *rows = proxies ? proxies_sorted(proxies) : NULL;
	int rc = 0;

	if (!proxies)
		return FAILED;
	if (!rows)
		rc = fail_foreign(c, 200);
	else if (c->json)
		json_show(proxies);
	else
		list_show(rows);
	json_decref(rows);
	json_decref(proxies);
	return rc;
}

static void inspect_show(const struct call *c, json_t *proxy, json_t *toxics)
{
	if (on_terminal() && headings) {
		char *listen = line_make(text_of(proxy, "listen"));
		char *upstream = line_make(text_of(proxy, "upstream"));
		printf("%s: %s -> %s, %s\n\n", c->words[0], listen, upstream, enabled_word(proxy));
		free(listen);
		free(upstream);
	}
	toxics_show(toxics);
}

static int inspect(struct call *c)
{
	json_t *proxy = get_proxy(c, c->words[0]), *toxics = reply_rows(proxy, "toxics");
	int rc = 0;

	if (!proxy)
		return FAILED;
	if (!toxics)
		rc = fail_foreign(c, 200);
	else if (c->json)
		json_show(proxy);
	else
		inspect_show(c, proxy, toxics);
	json_decref(proxy);
	return rc;
}

/* ---- changing ---- */

static int create(struct call *c)
{
	json_t *body = json_pack("{s:s}", "name", c->words[0]), *text;
	const char *key;

	json_object_foreach(c->options, key, text) {
		bool flag = !strcmp(key, "enabled");
		json_object_set_new(body, key, flag ? value_parse(text) : json_incref(text));
	}
	return call_do(c, "POST", "/proxies", body, "Created new proxy %s", c->words[0]);
}

/* Its path, and what is said with its name. */
static int do_proxy(struct call *c, const char *method, json_t *body, const char *before,
                    const char *after)
{
	char *path = path_make("/proxies", c->words[0], NULL);
	int rc = call_do(c, method, path, body, "%s%s%s", before, c->words[0], after);

	free(path);
	return rc;
}

static int delete(struct call *c)
{
	return do_proxy(c, "DELETE", NULL, "Deleted proxy ", "");
}

static int set_enabled(struct call *c, bool enabled)
{
	return do_proxy(c, "POST", json_pack("{s:b}", "enabled", enabled), "Proxy ",
	                enabled ? " is now enabled" : " is now disabled");
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

/* "; removed from db: behavior (hang), slow" */
static void taken_add(FILE *out, const json_t *proxy)
{
	json_t *toxics = reply_rows(proxy, "toxics"), *toxic;
	size_t i;

	json_array_foreach(toxics, i, toxic) {
		char *name = line_make(text_of(toxic, "name"));
		char *type = line_make(text_of(toxic, "type"));
		char *whose = i ? NULL : line_make(text_of(proxy, "name"));
		if (whose)
			fprintf(out, "; removed from %s: ", whose);
		fprintf(out, "%s%s", i ? ", " : "", name);
		if (strcmp(name, type) && strncmp(name, type, strlen(type)))
			fprintf(out, " (%s)", type);
		free(name);
		free(type);
		free(whose);
	}
}

/* All that a reset takes away, and enables. NULL: it is not to be had, which it has printed. */
static char *taken_make(struct call *c)
{
	json_t *proxies = call_get(c, "/proxies"), *rows = proxies ? proxies_sorted(proxies) : NULL;
	json_t *row;
	char *text = NULL;
	size_t size, i;

	if (proxies && !rows)
		fail_foreign(c, 200);
	FILE *out = rows ? open_memstream(&text, &size) : NULL;
	json_array_foreach(rows, i, row) {
		char *name = line_make(text_of(row, "name"));
		if (!json_is_true(json_object_get(row, "enabled")))
			fprintf(out, "; enabled %s", name);
		free(name);
		taken_add(out, row);
	}
	if (out)
		fclose(out);
	json_decref(rows);
	json_decref(proxies);
	return text;
}

static int reset(struct call *c)
{
	char *taken = taken_make(c);

	if (!taken)
		return FAILED;
	int rc = call_do(c, "POST", "/reset", NULL,
	                 "All proxies are enabled, and have no behavior, rules or toxics%s", taken);
	free(taken);
	return rc;
}

static int calm(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!call_send(c, "POST", "/calm", NULL, &r))
		return FAILED;
	json_int_t n = json_integer_value(json_object_get(r.body, "rules"));
	if (r.status != 200 || !json_is_object(r.body))
		rc = fail_reply(c, &r);
	else if (c->json)
		json_show(r.body);
	else
		printf("All calm: %" JSON_INTEGER_FORMAT " %s switched off\n", n,
		       n == 1 ? "rule was" : "rules were");
	reply_free(&r);
	return rc;
}

static const char *const create_options[] = {
	"listen", "upstream", "enabled", "protocol", "known-as", "topology", "unmapped",
	"client-tls*", "backend-tls*", NULL
};

const struct action proxy_actions[] = {
	{ "list", NULL, "list the proxies", 0, 0, NULL, list },
	{ "inspect", "PROXY", "show its addresses and toxics, with their conditions", 1, 1, NULL,
	  inspect },
	{ "create",
	  "PROXY --listen HOST:PORT --upstream HOST:PORT [--enabled BOOL] [--protocol NAME]",
	  "create a proxy", 1, 1, create_options, create,
	  "  --listen HOST:PORT    where clients connect; port 0 is any free port\n"
	  "  --upstream HOST:PORT  the server that it connects them to\n"
	  "  --enabled BOOL        false: create it, but accept no connections (default true)\n"
	  "  --protocol NAME       mysql, postgres, redis, memcache, mongo, kafka, dns, http,\n"
	  "                        smtp or tcp (default);\n"
	  "                        `error` answers as a server of that protocol does\n"
	  "  --known-as HOST:PORT  how servers of a cluster name that server, besides its address\n"
	  "  --topology WORD       servers' addresses in answers: rewrite (default), hide or pass\n"
	  "  --unmapped WORD       those that no proxy has: pass (default), add or hide\n"
	  "  --client-tls WORD, --backend-tls WORD, and the other options of TLS: see\n"
	  "                        vaurien --help tls; files are vaurien's\n" },
	{ "delete", "PROXY", "delete it, and close its connections", 1, 1, NULL, delete },
	{ "enable", "PROXY", "accept connections again", 1, 1, NULL, enable },
	{ "disable", "PROXY", "stop accepting connections, and close the open ones", 1, 1, NULL,
	  disable },
	{ "toggle", "PROXY", "disable it if it is enabled, else enable it", 1, 1, NULL,
	  toggle },
	{ "calm", NULL, "switch off all rules; `rule set NAME enabled=true`: on",
	  0, 0, NULL, calm },
	{ "reset", NULL, "enable all proxies; remove behaviors, rules and toxics", 0, 0,
	  NULL, reset },
	{ NULL },
};
