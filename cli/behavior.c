/* behavior.c - vaurienctl's actions on the behavior, the backend and the rules of one proxy. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

static char *names_join(const json_t *names)
{
	char *text;
	size_t size, i;
	const json_t *name;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	json_array_foreach(names, i, name)
		fprintf(out, "%s%s", i ? ", " : "",
		        json_is_string(name) ? json_string_value(name) : "?");
	fclose(out);
	return text;
}

/* /behavior, or /NAME/behavior */
static bool send_of_proxy(struct call *c, const char *method, const char *what, json_t *body, struct reply *r)
{
	char *path = c->proxy ? path_make("", c->proxy, what, NULL) : path_make("", what, NULL);
	bool good = call_send(c, method, path, body, r);

	free(path);
	return good;
}

/* GET it and print what is at `key`, or all of it. */
static int get_and_print(struct call *c, const char *what, const char *key)
{
	struct reply r;
	int rc = 0;

	if (!send_of_proxy(c, "GET", what, NULL, &r))
		return FAILED;
	const json_t *value = json_object_get(r.body, key);
	if (r.status != 200 || !json_is_object(r.body)) {
		rc = fail_reply(&r);
	} else if (c->json || json_is_object(value) || !value) {
		json_show(r.body);
	} else if (json_is_array(value)) {
		char *names = names_join(value);
		puts(names);
		free(names);
	} else {
		puts(json_is_string(value) ? json_string_value(value) : "");
	}
	reply_free(&r);
	return rc;
}

static int list_behaviors(struct call *c)
{
	return get_and_print(c, "behaviors", "behaviors");
}

static int get_behavior(struct call *c)
{
	return get_and_print(c, "behavior", "behavior");
}

static int get_backend(struct call *c)
{
	return get_and_print(c, "backend", "backend");
}

static int info(struct call *c)
{
	c->proxy = NULL;
	return get_and_print(c, "info", "");
}

/* The name was not one of theirs: say which are. */
static int fail_name(struct call *c)
{
	struct reply r;
	char *sentence;

	if (!call_send(c, "GET", "/behaviors", NULL, &r))
		return FAILED;
	if (r.status != 200) {
		int rc = fail_reply(&r);
		reply_free(&r);
		return rc;
	}
	char *names = names_join(json_object_get(r.body, "behaviors"));
	int n = asprintf(&sentence, "Please use one of %s", names);
	assert(n > 0);
	fail(sentence);
	free(sentence);
	free(names);
	reply_free(&r);
	return FAILED;
}

static json_t *behavior_body(const struct call *c)
{
	json_t *body = json_object();
	const char *key;
	json_t *text;

	json_object_foreach(c->options, key, text)
		json_object_set_new(body, key, value_parse(text));
	json_object_set_new(body, "name", json_string(c->words[0]));
	return body;
}

static int set_behavior(struct call *c)
{
	struct reply r;
	const char *name = NULL;
	int rc = 0;

	if (!c->n)
		return fail_name(c);
	if (!send_of_proxy(c, "PUT", "behavior", behavior_body(c), &r))
		return FAILED;
	const char *text = reply_error(&r, &name);
	if (r.status == 200 && c->json)
		json_show(r.body);
	else if (r.status == 200)
		printf("Behavior changed to \"%s\"\n", c->words[0]);
	else if (r.status == 400 && text && name && strcmp(name, "name") == 0)
		rc = fail_name(c);
	else
		rc = fail_reply(&r);
	reply_free(&r);
	return rc;
}

static int set_backend(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!send_of_proxy(c, "PUT", "backend", json_pack("{s:s}", "backend", c->words[0]), &r))
		return FAILED;
	if (r.status == 200 && c->json)
		json_show(r.body);
	else if (r.status == 200)
		printf("Backend changed to \"%s\"\n", c->words[0]);
	else
		rc = fail_reply(&r);
	reply_free(&r);
	return rc;
}

/* ---- tables ---- */

/* GET it, and show the array at `key`; options as name=value. */
static int get_and_table(struct call *c, const char *what, const char *key, const struct column *columns, const char *none)
{
	struct reply r;
	int rc = 0;

	if (!send_of_proxy(c, "GET", what, NULL, &r))
		return FAILED;
	const json_t *rows = json_object_get(r.body, key);
	json_t *row;
	size_t i;
	if (r.status != 200 || !rows) {
		rc = fail_reply(&r);
	} else if (c->json) {
		json_show(r.body);
	} else {
		json_array_foreach(rows, i, row)
			json_object_set_new(row, "options", pairs_make(json_object_get(row, "options")));
		table_show(columns, rows, none);
	}
	reply_free(&r);
	return rc;
}

static int rules(struct call *c)
{
	static const struct column columns[] = {
		{ "name", "rule" }, { "behavior", "behavior" }, { "seen", "seen" }, { "hits", "hits" }, { "unreachable", "unreachable" },
		{ "options", "options" }, { NULL },
	};
	return get_and_table(c, "rules", "rules", columns, "no rules");
}

static int failures(struct call *c)
{
	static const struct column columns[] = {
		{ "name", "failure" }, { "protocol", "protocol" }, { "code", "code" }, { "connection", "the connection" }, { "text", "text" }, { NULL },
	};
	c->proxy = NULL;
	return get_and_table(c, "failures", "failures", columns, "no failures");
}

const struct action behavior_actions[] = {
	{ "list-behaviors", NULL, "the behaviors that there are", 0, 1, NULL, list_behaviors },
	{ "set-behavior", "BEHAVIOR [--OPTION VALUE]...", "another behavior, on all connections at once", 0, 1, any, set_behavior },
	{ "get-behavior", NULL, "the behavior's name", 0, 1, NULL, get_behavior },
	{ "get-backend", NULL, "where new connections go", 0, 1, NULL, get_backend },
	{ "set-backend", "HOST:PORT", "where new connections shall go", 1, 1, NULL, set_backend },
	{ "info", NULL, "the version, the seed, the proxies and their connections", 0, 1, NULL, info },
	{ "rules", NULL, "the proxy's rules, and how often they struck", 0, 0, NULL, rules },
	{ "failures", NULL, "what protocols can refuse with, and how they word it", 0, 0, NULL, failures },
	{ NULL },
};
