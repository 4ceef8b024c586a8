/* each.c - actions on all proxies: `--proxy all`, and lists when no proxy is named.
 *
 * An action on one proxy is done for each, in the order of GET /info. What it prints as JSON, as a
 * value or as a refusal is kept until the last one is done, and printed together. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

#define ALL "all"

/* Of the one action that the program does. names NULL: it is not done for each. */
static struct {
	const json_t *names;
	const char *proxy;              /* whose turn it is */
	json_t *answers;                /* --json: by proxy */
	json_t *rows;                   /* `proxy` and a value: one table */
	const char *key;                /* of the value */
	json_t *refusals;               /* by sentence: the proxies that it is about */
} each;

/* ---- which proxies ---- */

json_t *proxies_order(struct call *c)
{
	bool quiet = c->quiet;
	json_t *names = NULL, *rows, *row;
	struct reply r;
	size_t i;

	c->quiet = true;
	if (call_send(c, "GET", "/info", NULL, &r)) {
		rows = r.status == 200 ? reply_rows(r.body, "proxies") : NULL;
		names = rows ? json_array() : NULL;
		json_array_foreach(rows, i, row)
			if (json_is_string(json_object_get(row, "name")))
				json_array_append(names, json_object_get(row, "name"));
		reply_free(&r);
	}
	c->quiet = quiet;
	return names;
}

bool names_have(const json_t *names, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(names, i, one)
		if (json_is_string(one) && !strcmp(json_string_value(one), name))
			return true;
	return false;
}

bool joint(struct call *c)
{
	bool quiet = c->quiet, found = false;
	struct reply r;

	if (!c->action->shared)
		return false;
	c->quiet = true;
	if (call_send(c, "GET", "/run", NULL, &r)) {
		found = r.status == 200;
		reply_free(&r);
	}
	c->quiet = quiet;
	return found;
}

json_t *several(struct call *c)
{
	json_t *names = c->proxy ? NULL : proxies_order(c);

	if (c->all || (json_array_size(names) > 1 && !joint(c)))
		return names;
	json_decref(names);
	return NULL;
}

char *whose_make(struct call *c)
{
	json_t *names = each.names ? NULL : proxies_order(c);
	const char *one = each.names ? each.proxy : c->proxy;
	char *text;

	if (!each.names && json_array_size(names) <= 1) {
		text = xasprintf("%s", "");
	} else if (!one && joint(c)) {
		text = xasprintf(" on all proxies");
	} else {
		const char *first = json_string_value(json_array_get(names, 0));
		char *line = line_make(one ? one : first);
		text = xasprintf(" on proxy \"%s\"", line);
		free(line);
	}
	json_decref(names);
	return text;
}

void first_note(struct call *c)
{
	json_t *names = each.names ? NULL : several(c);
	const char *name = json_string_value(json_array_get(names, 0));

	if (name) {
		char *line = line_make(name);
		fflush(stdout);
		fprintf(stderr, "of proxy \"%s\"; for others: --proxy NAME, or --proxy all\n",
		        line);
		free(line);
	}
	json_decref(names);
}

/* ---- lists ---- */

static bool rows_add(struct call *c, json_t *all, const char *name, const char *what)
{
	char *path = path_make("", name, what, NULL);
	json_t *body = call_get(c, path), *rows = reply_rows(body, what), *row;
	size_t i;

	free(path);
	if (body && !rows)
		fail_foreign(c, 200);
	json_array_foreach(rows, i, row) {
		json_object_set_new(row, "proxy", json_string(name));
		json_array_append(json_object_get(all, what), row);
	}
	json_int_t open = json_integer_value(json_object_get(body, "open"));
	if (rows && json_object_get(body, "open"))
		json_object_set_new(all, "open", json_integer(
			open + json_integer_value(json_object_get(all, "open"))));
	json_decref(body);
	return rows;
}

json_t *get_of_each(struct call *c, const json_t *names, const char *what)
{
	json_t *all = json_pack("{s:[]}", what);
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (!rows_add(c, all, json_string_value(name), what)) {
			json_decref(all);
			return NULL;
		}
	return all;
}

/* ---- one after the other ---- */

bool each_answered(const json_t *answer)
{
	if (!each.names)
		return false;
	json_object_set(each.answers, each.proxy, (json_t *)answer);
	return true;
}

bool each_valued(const char *key, const char *value)
{
	if (!each.names)
		return false;
	each.key = key;
	json_array_append_new(each.rows, json_pack("{s:s, s:s}", "proxy", each.proxy, key, value));
	return true;
}

bool each_refused(const char *sentence)
{
	json_t *whom = each.names ? json_object_get(each.refusals, sentence) : NULL;

	if (!each.names)
		return false;
	if (!whom) {
		whom = json_array();
		json_object_set_new(each.refusals, sentence, whom);
	}
	json_array_append_new(whom, json_string(each.proxy));
	return true;
}

bool each_under_way(void)
{
	return each.names;
}

/* A sentence that is about all of them names none. */
static void refusals_show(json_t *refusals, size_t n)
{
	const char *sentence;
	json_t *whom;

	fflush(stdout);
	json_object_foreach(refusals, sentence, whom) {
		if (json_array_size(whom) == n) {
			fail(sentence);
			continue;
		}
		char *names = names_join(whom, NULL), *line = line_make(sentence);
		fprintf(stderr, "The request failed on %s. %.16000s\n", names, line);
		free(names);
		free(line);
	}
}

static void each_end(struct call *c, const json_t *names)
{
	const struct column columns[] = {
		{ "proxy", "proxy" }, { each.key, each.key }, { NULL },
	};

	each.names = NULL;
	if (c->json)
		json_show(each.answers);
	else if (json_array_size(each.rows))
		table_show(columns, each.rows, "no proxies");
	refusals_show(each.refusals, json_array_size(names));
	json_decref(each.answers);
	json_decref(each.rows);
	json_decref(each.refusals);
}

static int each_run(struct call *c, const json_t *names)
{
	const json_t *name;
	int rc = 0;
	size_t i;

	each.answers = json_object();
	each.rows = json_array();
	each.refusals = json_object();
	each.names = names;
	json_array_foreach(names, i, name) {
		c->proxy = each.proxy = json_string_value(name);
		if (takes_proxy(c->action))
			c->words[0] = c->proxy;
		int one = c->action->run(c);
		rc = one ? one : rc;
		if (one == MISUSED)
			break;          /* the command line is as wrong for the next one */
	}
	each_end(c, names);
	c->proxy = NULL;
	return rc;
}

bool names_all(const struct call *c)
{
	return c->proxy && !strcmp(c->proxy, ALL) && !c->resolved;
}

int run_for_all(struct call *c)
{
	json_t *names = proxies_order(c);
	int rc;

	c->resolved = true;
	if (!names || names_have(names, ALL)) { /* no answer, or a proxy of that name */
		rc = c->action->run(c);
	} else if (c->action->whom == MANY || joint(c)) {
		c->all = c->action->whom == MANY;
		c->proxy = NULL;
		rc = c->action->run(c);
	} else if (json_array_size(names)) {
		rc = each_run(c, names);
	} else {
		rc = fail("there are no proxies");
	}
	json_decref(names);
	return rc;
}
