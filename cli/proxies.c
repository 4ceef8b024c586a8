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

/* Their names, in the order of names. To be freed, but not the names. */
static const char **names_sorted(json_t *proxies)
{
	const char **names = calloc(json_object_size(proxies) + 1, sizeof *names), *name;
	json_t *proxy;
	size_t i = 0;

	assert(names);
	json_object_foreach(proxies, name, proxy)
		names[i++] = name;
	qsort(names, i, sizeof *names, by_name);
	return names;
}

static bool all_objects(json_t *proxies)
{
	bool good = json_is_object(proxies);
	const char *name;
	json_t *proxy;

	json_object_foreach(proxies, name, proxy)
		good = good && json_is_object(proxy);
	return good;
}

/* Those that have no place of their own come last. */
json_t *proxies_sorted(struct call *c, json_t *proxies)
{
	if (!all_objects(proxies))
		return NULL;
	json_t *all = json_array(), *left = json_copy(proxies), *proxy;
	json_t *order = json_object_size(proxies) > 1 ? proxies_order(c) : NULL;
	size_t i;

	for (i = 0; i < json_array_size(order); i++) {
		const char *name = json_string_value(json_array_get(order, i));
		if (!(proxy = json_object_get(left, name)))
			continue;
		json_array_append(all, proxy);
		json_object_del(left, name);
	}
	const char **names = names_sorted(left);
	for (i = 0; i < json_object_size(left); i++)
		json_array_append(all, json_object_get(left, names[i]));
	free(names);
	json_decref(order);
	json_decref(left);
	return all;
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
	json_t *proxies = call_get(c, "/proxies");
	json_t *rows = proxies ? proxies_sorted(c, proxies) : NULL;
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

/* Off a terminal standard output is that of Toxiproxy's client, with nothing for no toxics. */
static void inspect_show(const struct call *c, json_t *proxy, json_t *toxics)
{
	bool bare = !on_terminal() || !headings, none = !json_array_size(toxics);
	FILE *to = bare && !each_under_way() ? stderr : stdout;
	char *listen = line_make(text_of(proxy, "listen"));
	char *upstream = line_make(text_of(proxy, "upstream"));

	if (!bare || none || each_under_way())
		fprintf(to, "%s: %s -> %s, %s%s\n%s", c->words[0], listen, upstream,
		        enabled_word(proxy), bare && none ? "; no toxics" : "", bare ? "" : "\n");
	if (!bare || !none)
		toxics_show(toxics);
	free(listen);
	free(upstream);
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

	if (!strcmp(c->words[0], "all")) {
		json_decref(body);
		fputs("vaurienctl: error: create: expected another name: all means all proxies\n",
		      stderr);
		return MISUSED;
	}
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
	json_t *proxies = call_get(c, "/proxies");
	json_t *rows = proxies ? proxies_sorted(c, proxies) : NULL;
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

static void calm_show(const struct call *c, json_int_t n, const char *whose)
{
	printf("%s: %" JSON_INTEGER_FORMAT " %s%s %s switched off\n",
	       c->proxy ? "Calm" : "All calm", n, n == 1 ? "rule" : "rules", whose,
	       n == 1 ? "was" : "were");
}

/* Rules of set-behavior have one name together. Those that are on. NULL: it is printed. */
static json_t *rules_on(struct call *c, json_int_t *n)
{
	char *path = path_make("", c->proxy, "rules", NULL);
	json_t *body = call_get(c, path), *rules = reply_rows(body, "rules"), *rule;
	json_t *names = rules ? json_object() : NULL;
	size_t i;

	*n = 0;
	if (body && !rules)
		fail_foreign(c, 200);
	json_array_foreach(rules, i, rule) {
		const json_t *options = json_object_get(rule, "options");
		if (json_is_false(json_object_get(options, "enabled")))
			continue;
		json_object_set_new(names, text_of(rule, "name"), json_true());
		++*n;
	}
	free(path);
	json_decref(body);
	return names;
}

/* One that has ended meanwhile is off, too. */
static bool rule_off(struct call *c, const char *name)
{
	char *path = path_make("", c->proxy, "rules", name, NULL);
	struct reply r;
	bool good = call_send(c, "PUT", path, json_pack("{s:b}", "enabled", false), &r);

	free(path);
	if (good && r.status != 200 && r.status != 404) {
		fail_reply(c, &r);
		good = false;
	}
	reply_free(&r);
	return good;
}

static int calm_one(struct call *c)
{
	json_int_t n;
	json_t *names = rules_on(c, &n), *on;
	const char *name;

	if (!names)
		return FAILED;
	json_object_foreach(names, name, on)
		if (!rule_off(c, name)) {
			json_decref(names);
			return FAILED;
		}
	json_decref(names);
	if (c->json) {
		done_show(json_pack("{s:s, s:I, s:i}", "status", "ok", "rules", n, "proxies", 1));
	} else {
		char *line = line_make(c->proxy), *whose = xasprintf(" of proxy %s", line);
		calm_show(c, n, whose);
		free(whose);
		free(line);
	}
	return 0;
}

static int calm(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (c->proxy)
		return calm_one(c);
	if (!call_send(c, "POST", "/calm", NULL, &r))
		return FAILED;
	if (r.status != 200 || !json_is_object(r.body))
		rc = fail_reply(c, &r);
	else if (c->json)
		json_show(r.body);
	else
		calm_show(c, json_integer_value(json_object_get(r.body, "rules")), "");
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
	  inspect, .whom = ONE },
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
	  "                        vaurien --help tls; files are vaurien's\n", .whom = MANY },
	{ "delete", "PROXY", "delete it, and close its connections", 1, 1, NULL, delete,
	  .whom = ONE },
	{ "enable", "PROXY", "accept connections again", 1, 1, NULL, enable,
	  .whom = ONE },
	{ "disable", "PROXY", "stop accepting connections, and close the open ones", 1, 1, NULL,
	  disable, .whom = ONE },
	{ "toggle", "PROXY", "disable it if it is enabled, else enable it", 1, 1, NULL,
	  toggle, .whom = ONE },
	{ "calm", "[PROXY]", "switch off all rules; `rule set NAME enabled=true`: on",
	  0, 1, NULL, calm, .whom = MANY },
	{ "reset", NULL, "enable all proxies; remove behaviors, rules and toxics", 0, 0,
	  NULL, reset },
	{ NULL },
};
