/* behavior.c - vaurienctl's actions on the behavior, the backend and the rules of one proxy. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* /behavior, or /NAME/behavior */
static bool send_of_proxy(struct call *c, const char *method, const char *what, json_t *body,
                          struct reply *r)
{
	char *path = c->proxy ? path_make("", c->proxy, what, NULL) : path_make("", what, NULL);
	bool good = call_send(c, method, path, body, r);

	free(path);
	return good;
}

/* ---- looking ---- */

/* GET it; the answer, an object. NULL: refused, or no answer, which it has printed. */
static json_t *get_of_proxy(struct call *c, const char *what)
{
	struct reply r;
	json_t *body = NULL;

	if (!send_of_proxy(c, "GET", what, NULL, &r))
		return NULL;
	if (r.status == 200 && json_is_object(r.body))
		body = json_incref(r.body);
	else
		fail_reply(c, &r);
	reply_free(&r);
	return body;
}

/* The text at `key`, or all of it. */
static int text_show(struct call *c, json_t *body, const char *key)
{
	const json_t *value = json_object_get(body, key);
	int rc = 0;

	if (!body)
		return FAILED;
	if (!json_is_string(value)) {
		rc = fail_foreign(c, 200);
	} else if (c->json) {
		json_show(body);
	} else {
		char *line = line_make(json_string_value(value));
		if (!each_valued(key, line))
			puts(line);
		free(line);
	}
	if (!rc)
		first_note(c);
	json_decref(body);
	return rc;
}

static int list_behaviors(struct call *c)
{
	json_t *body = call_get(c, "/behaviors"), *names = json_object_get(body, "behaviors");
	int rc = 0;

	if (!body)
		return FAILED;
	if (!json_is_array(names)) {
		rc = fail_foreign(c, 200);
	} else if (c->json) {
		json_show(body);
	} else {
		char *line = names_join(names, NULL);
		puts(line);
		free(line);
	}
	json_decref(body);
	return rc;
}

/* Older scripts call get-behavior with any word; they have one proxy. A word that is a proxy's name
 * means that proxy, and where there are several the server refuses another one. */
static void proxy_from_word(struct call *c)
{
	json_t *names = c->n && !c->proxy && !c->resolved ? proxies_order(c) : NULL;

	if (json_array_size(names) > 1 || names_have(names, c->n ? c->words[0] : ""))
		c->proxy = c->words[0];
	json_decref(names);
}

/* "delay --sleep 2"; with percents the options of each behind `between`. */
static void behavior_write(FILE *out, const json_t *body, const char *between)
{
	json_t *options = json_object_get(body, "options"), *one;
	const char *spec = text_of(body, "behavior"), *name;
	bool listed = strchr(spec, ':');
	bool alone = listed && json_object_size(options) == 1;
	char *line = line_make(spec), *shown = options_show(listed ? NULL : options);

	fprintf(out, "%s%s%s", line, *shown ? " " : "", shown);
	json_object_foreach(options, name, one) {
		if (!listed)
			break;
		char *key = line_make(name), *own = options_show(one);
		if (alone)
			fprintf(out, " %s", own);
		else
			fprintf(out, "%s%s %s", between, key, own);
		free(key);
		free(own);
	}
	free(line);
	free(shown);
}

static void behavior_show(const json_t *body)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	behavior_write(out, body, each_under_way() ? "; " : "\n  ");
	fclose(out);
	if (!each_valued("behavior", text))
		puts(text);
	free(text);
}

static int get_behavior(struct call *c)
{
	proxy_from_word(c);
	if (names_all(c))
		return run_for_all(c);
	json_t *body = get_of_proxy(c, "behavior");
	if (c->json || !json_object_get(c->options, "verbose")
	    || !json_is_string(json_object_get(body, "behavior")))
		return text_show(c, body, "behavior");
	behavior_show(body);
	first_note(c);
	json_decref(body);
	return 0;
}

static int get_backend(struct call *c)
{
	proxy_from_word(c);
	if (names_all(c))
		return run_for_all(c);
	return text_show(c, get_of_proxy(c, "backend"), "backend");
}

static int info(struct call *c)
{
	json_t *body = call_get(c, "/info");

	if (!body)
		return FAILED;
	json_show(body);
	json_decref(body);
	return 0;
}

/* ---- changing ---- */

void warning_show(const json_t *body)
{
	const char *warning = json_string_value(json_object_get(body, "warning"));
	char *line = warning ? line_make(warning) : NULL;

	if (!line)
		return;
	fflush(stdout);
	fprintf(stderr, "warning: %s\n", line);
	free(line);
}

static void changed_show(struct call *c, const char *what, const json_t *body)
{
	if (c->json) {
		json_show(body);
		return;
	}
	char *whose = whose_make(c);
	printf("%s changed to \"%s\"%s\n", what, c->words[0], whose);
	warning_show(body);
	free(whose);
}

/* The name in the first of "20:delay,10:error", to be freed. */
static char *first_name(const char *spec)
{
	size_t n = strcspn(spec, ","), colon = strcspn(spec, ":");

	return colon < n ? strndup(spec + colon + 1, n - colon - 1) : strndup(spec, n);
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

/* The API takes options by the names of behaviors then, for which the command line has no words. */
static int fail_several(const struct call *c, const char *option)
{
	char *flag = line_make(option), *value = value_show(json_object_get(c->options, option));
	char *sentence;

	for (char *p = flag; *p; p++)
		*p = *p == '_' ? '-' : *p;
	sentence = xasprintf("--%s: several behaviors take no options, only percentages; "
	                     "set one alone: 'vaurienctl set-behavior NAME --%s %s%s'",
	                     flag, flag, value,
	                     strcmp(option, "probability") ? " --probability SHARE" : "");
	int rc = fail(sentence);
	free(sentence);
	free(value);
	free(flag);
	return rc;
}

/* Is the sentence about a name in "20:delay,10:error" that is none of theirs? */
static bool about_unknown(const char *spec, const char *sentence, const json_t *names)
{
	bool found = false;

	for (; !found; spec++) {
		char *name = first_name(spec), *quoted;
		quoted = xasprintf("'%s'", name);
		found = !names_have(names, name) && strstr(sentence, quoted);
		free(quoted);
		free(name);
		spec += strcspn(spec, ",");
		if (!*spec)
			break;
	}
	return found;
}

static int fail_behavior(struct call *c, const struct reply *r)
{
	const char *name, *text = reply_error(r, &name);

	if (r->status != 400 || !text || !name)
		return fail_reply(c, r);
	if (strchr(c->words[0], ',') && json_object_get(c->options, name))
		return fail_several(c, name);
	if (strcmp(name, "name"))
		return fail_reply(c, r);
	json_t *names = names_get(c, "/behaviors", "behaviors");
	bool unknown = names && about_unknown(c->words[0], text, names);
	json_decref(names);
	return unknown ? fail_names(c, text) : fail_reply(c, r);
}

static int set_behavior(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!c->n)
		return fail_names(c, NULL);
	if (!send_of_proxy(c, "PUT", "behavior", behavior_body(c), &r))
		return FAILED;
	if (r.status == 200 && json_is_object(r.body))
		changed_show(c, "Behavior", r.body);
	else
		rc = fail_behavior(c, &r);
	reply_free(&r);
	return rc;
}

static int set_backend(struct call *c)
{
	struct reply r;
	int rc = 0;

	if (!send_of_proxy(c, "PUT", "backend", json_pack("{s:s}", "backend", c->words[0]), &r))
		return FAILED;
	if (r.status == 200 && json_is_object(r.body))
		changed_show(c, "Backend", r.body);
	else
		rc = fail_reply(c, &r);
	reply_free(&r);
	return rc;
}

/* ---- tables ---- */

static int table_of(struct call *c, json_t *body, const char *key, const struct column *columns,
                    const char *none)
{
	json_t *rows = reply_rows(body, key), *row;
	size_t i;
	int rc = 0;

	if (!body)
		return FAILED;
	if (!rows) {
		rc = fail_foreign(c, 200);
	} else if (c->json) {
		json_show(body);
	} else {
		json_array_foreach(rows, i, row) {
			json_t *pairs = pairs_make(json_object_get(row, "options"));
			json_object_set_new(row, "options", pairs);
		}
		table_show(columns, rows, none);
	}
	json_decref(body);
	return rc;
}

bool rule_refuses(const json_t *rule)
{
	const json_t *options = json_object_get(rule, "options");

	return !strcmp(text_of(rule, "behavior"), "refuse")
	    && !json_is_false(json_object_get(options, "enabled"));
}

int rules_list(struct call *c)
{
	static const struct column columns[] = {
		{ "proxy", "proxy" }, { "name", "rule" }, { "behavior", "behavior" },
		{ "seen", "seen" }, { "hits", "hits" }, { "unreachable", "unreachable" },
		{ "options", "options" }, { NULL },
	};
	json_t *names = several(c);
	json_t *body = names ? get_of_each(c, names, "rules") : get_of_proxy(c, "rules");
	int rc = table_of(c, body, "rules", columns + !names, "no rules");

	json_decref(names);
	return rc;
}

/* Those of its protocol. False: there is no such proxy, which it has printed. */
static bool failures_narrow(struct call *c, json_t *body)
{
	json_t *all = json_object_get(body, "failures"), *some = json_array(), *row;
	json_t *proxy = get_of_proxy(c, "behavior");    /* is it there? */
	char *protocol = proxy ? protocol_get(c) : NULL;
	size_t i;

	json_array_foreach(all, i, row)
		if (protocol && !strcmp(text_of(row, "protocol"), protocol))
			json_array_append(some, row);
	if (json_is_array(all))
		json_object_set(body, "failures", some);
	json_decref(some);
	json_decref(proxy);
	free(protocol);
	return proxy;
}

static int failures(struct call *c)
{
	static const struct column columns[] = {
		{ "name", "failure" }, { "protocol", "protocol" }, { "code", "code" },
		{ "connection", "the connection" }, { "text", "text" }, { NULL },
	};
	json_t *body = call_get(c, "/failures");

	if (body && c->proxy && !failures_narrow(c, body)) {
		json_decref(body);
		return FAILED;
	}
	return table_of(c, body, "failures", columns, "no failures");
}

static const char *const get_options[] = { "verbose", NULL };

const struct action behavior_actions[] = {
	{ "list-behaviors", NULL, "list the behaviors", 0, 1, NULL, list_behaviors },
	{ "set-behavior", "BEHAVIOR [--OPTION VALUE]...",
	  "change the behavior, on all connections at once", 0, 1, any, set_behavior,
	  "BEHAVIOR is a name, or names with percentages: 20:delay,10:error.\n"
	  "Conditions say which requests, how often and for how long: --match REGEX,\n"
	  "--kind reads,commits, --client ADDRESS, --connections open|new,\n"
	  "--direction request|response|both, --probability 0.1,\n"
	  "--per connection|exchange, --skip N, --times N, --every N, --ttl 60s, --share proxy.\n"
	  "docs/behaviors.md describes them.\n\n"
	  "examples:\n"
	  "  vaurienctl set-behavior delay --sleep 2s\n"
	  "  vaurienctl set-behavior error --failure deadlock --match '^QUERY' --times 1\n",
	  .whom = ONE, .shared = true },
	{ "get-behavior", "[--verbose]", "show the behavior's name", 0, 1, get_options,
	  get_behavior, "  --verbose  show its options too, as set-behavior takes them\n",
	  .whom = ONE, .shared = true },
	{ "get-backend", NULL, "show where new connections go", 0, 1, NULL, get_backend,
	  .whom = ONE },
	{ "set-backend", "HOST:PORT", "change where new connections go", 1, 1, NULL, set_backend,
	  .whom = ONE },
	{ "info", NULL, "show the version, the seed and the proxies, as JSON", 0, 1, NULL,
	  info },
	{ "rules", "[PROXY]", "list the rules, and how often each has taken effect", 0, 1, NULL,
	  rules_list, .whom = MANY, .shared = true },
	{ "failures", "[PROXY]", "list the errors that `error` can send", 0, 1, NULL, failures,
	  .whom = MANY },
	{ NULL },
};
