/* errors.c - what went wrong: the server's own sentence, and beside it what helps. */
#include <stdlib.h>
#include <string.h>

#include "call.h"

int fail(const char *why)
{
	if (each_refused(why))
		return FAILED;
	char *line = line_make(why);

	fprintf(stderr, "The request failed. %.16000s\n", line);
	free(line);
	return FAILED;
}

int fail_foreign(struct call *c, long status)
{
	char *url = unix_path(c) ? NULL : call_url(c, "");
	const char *where = url ? url : call_host(c);
	size_t n = strlen(where);

	while (n && where[n - 1] == '/')
		n--;
	fprintf(stderr, "vaurienctl: %.*s is not Vaurien's API; it answers with HTTP status %ld\n",
	        (int)n, where, status);
	curl_free(url);
	return FAILED;
}

/* ---- what there is ---- */

json_t *names_get(struct call *c, const char *path, const char *key)
{
	struct reply r;
	json_t *names = NULL, *value;
	const char *name;

	if (!call_send(c, "GET", path, NULL, &r))
		return NULL;
	if (r.status == 200 && key) {
		names = json_incref(json_object_get(r.body, key));
	} else if (r.status == 200 && json_is_object(r.body)) {
		names = json_array();
		json_object_foreach(r.body, name, value)
			json_array_append_new(names, json_string(name));
	}
	reply_free(&r);
	if (json_is_array(names))
		return names;
	json_decref(names);
	return NULL;
}

static json_t *toxics_get(struct call *c)
{
	char *path = path_make("/proxies", c->proxy ? c->proxy : "", "toxics", NULL);
	json_t *names = json_array(), *toxic;
	struct reply r;
	size_t i;

	if (call_send(c, "GET", path, NULL, &r)) {
		json_array_foreach(r.body, i, toxic)
			json_array_append(names, json_object_get(toxic, "name"));
		reply_free(&r);
	}
	free(path);
	return names;
}

/* The proxy that is meant; NULL: it is not there. To be given back. */
static json_t *proxy_get(struct call *c)
{
	json_t *proxies, *proxy, *found = NULL;
	struct reply r;
	size_t i;

	if (!call_send(c, "GET", "/info", NULL, &r))
		return NULL;
	proxies = json_object_get(r.body, "proxies");
	json_array_foreach(proxies, i, proxy)
		if (!found && (!c->proxy || !strcmp(text_of(proxy, "name"), c->proxy)))
			found = json_incref(proxy);
	reply_free(&r);
	return found;
}

char *protocol_get(struct call *c)
{
	json_t *proxy = proxy_get(c);
	const char *protocol = json_string_value(json_object_get(proxy, "protocol"));
	char *copy = protocol ? strdup(protocol) : NULL;

	json_decref(proxy);
	return copy;
}

/* ---- hints: what stands after the server's sentence; NULL: nothing ---- */

/* A sentence of the server that has a suggestion needs no second one. */
static bool suggests(const char *sentence)
{
	return strstr(sentence, "; did you mean '");
}

/* "; did you mean 'db'? The proxies are default, db" */
static char *hint_list(const char *sentence, const char *word, bool quoted, json_t *names,
                       const char *these)
{
	const char *near = suggests(sentence) ? NULL : nearest(word, names);
	char *all = names_join(names, NULL);
	char *which = quoted ? xasprintf(": '%s'", word) : xasprintf("%s", "");
	char *meant = near ? xasprintf("; did you mean '%s'?", near) :
	              xasprintf("%s", *all && !suggests(sentence) ? "." : "");
	char *hint = xasprintf("%s%s%s%s%s", which, meant, *all ? " " : "", *all ? these : "", all);

	free(which);
	free(meant);
	free(all);
	return hint;
}

static char *hint_proxy(struct call *c, const struct reply *r, const char *text, const char *name)
{
	bool toxiproxy = !strcmp(text, "proxy not found");

	if (!c->proxy || r->status != 404 || !(toxiproxy || (name && !strcmp(name, "proxy"))))
		return NULL;
	json_t *order = proxies_order(c), *names = order ? order : names_get(c, "/proxies", NULL);
	char *hint = hint_list(text, c->proxy, toxiproxy, names, "The proxies are ");
	json_decref(names);
	return hint;
}

static char *hint_toxic(struct call *c, const struct reply *r, const char *text, const char *name)
{
	if (r->status != 404 || strcmp(text, "toxic not found") || c->n < 2)
		return NULL;
	json_t *names = toxics_get(c);
	char *hint = hint_list(text, c->words[1], true, names, "The toxics are ");
	json_decref(names);
	return hint;
}

static json_t *rules_get(struct call *c)
{
	char *path = c->proxy ? path_make("", c->proxy, "rules", NULL)
	                      : path_make("", "rules", NULL);
	json_t *names = json_array(), *rule;
	struct reply r;
	size_t i;

	if (call_send(c, "GET", path, NULL, &r)) {
		json_array_foreach(json_object_get(r.body, "rules"), i, rule)
			json_array_append(names, json_object_get(rule, "name"));
		reply_free(&r);
	}
	free(path);
	return names;
}

static bool rule_is_of(struct call *c, const char *proxy, const char *rule)
{
	char *path = path_make("", proxy, "rules", rule, NULL);
	bool found = false;
	struct reply r;

	if (call_send(c, "GET", path, NULL, &r)) {
		found = r.status == 200;
		reply_free(&r);
	}
	free(path);
	return found;
}

/* It was looked for in the first proxy only. NULL: no other has it. */
static char *hint_elsewhere(struct call *c, const char *rule)
{
	json_t *names = c->proxy ? NULL : proxies_order(c);
	char *hint = NULL;

	for (size_t i = 1; i < json_array_size(names) && !hint; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (rule_is_of(c, name, rule))
			hint = xasprintf(": '%s'; proxy \"%s\" has it: --proxy %s", rule, name,
			                 name);
	}
	json_decref(names);
	return hint;
}

/* "there is no rule of that name" */
static char *hint_rule(struct call *c, const struct reply *r, const char *text, const char *name)
{
	const char *option = json_string_value(json_object_get(c->options, "rule"));
	const char *word = option ? option : c->n ? c->words[0] : NULL;

	if (r->status != 404 || !name || strcmp(name, "rule") || !word)
		return NULL;
	char *elsewhere = hint_elsewhere(c, word);
	if (elsewhere)
		return elsewhere;
	json_t *names = rules_get(c);
	char *hint = hint_list(text, word, true, names, "The rules are ");
	json_decref(names);
	return hint;
}

static char *hint_type(struct call *c, const struct reply *r, const char *text, const char *name)
{
	if (r->status != 400 || strcmp(text, "invalid toxic type") || c->n < 2)
		return NULL;
	json_t *names = names_get(c, "/behaviors", "behaviors");
	char *hint = hint_list(text, c->words[1], true, names, "Please use one of ");
	json_decref(names);
	return hint;
}

/* What the rows of /failures have at `wanted`, each once: those with `word` at `key`, or all. */
static json_t *failures_get(struct call *c, const char *key, const char *word, const char *wanted)
{
	json_t *set = json_object(), *row, *names = json_array(), *none;
	struct reply r;
	const char *name;
	size_t i;

	if (call_send(c, "GET", "/failures", NULL, &r)) {
		json_array_foreach(json_object_get(r.body, "failures"), i, row)
			if (!word || !strcmp(text_of(row, key), word))
				json_object_set_new(set, text_of(row, wanted), json_null());
		reply_free(&r);
	}
	json_object_foreach(set, name, none)
		json_array_append_new(names, json_string(name));
	json_decref(set);
	return names;
}

/* The protocols with that failure; those with any, if there is no such. */
static json_t *protocols_with(struct call *c, const char *failure)
{
	json_t *names = failure ? failures_get(c, "name", failure, "protocol") : NULL;

	if (json_array_size(names))
		return names;
	json_decref(names);
	return failures_get(c, NULL, NULL, "protocol");
}

/* Is it about that option? Its value, if there is one. */
static const char *about(const struct call *c, const char *text, const char *option)
{
	const char *value = json_string_value(json_object_get(c->options, option));
	const char *at = strstr(text, option);

	return at && at[strlen(option)] == ':' ? value : NULL;
}

/* A proxy that is made without a protocol carries tcp, which has no requests and no failures. */
static char *hint_tcp(struct call *c, const struct reply *r, const char *text, const char *name)
{
	const char *failure = about(c, text, "failure");

	if (r->status != 400 || (!failure && !about(c, text, "match")))
		return NULL;
	json_t *proxy = proxy_get(c);
	char *hint = NULL;
	if (!strcmp(text_of(proxy, "protocol"), "tcp")) {
		json_t *protocols = protocols_with(c, failure);
		char *names = names_join(protocols, " or ");
		hint = xasprintf("; the protocol of proxy %s is tcp: make it with --protocol %s",
		                 text_of(proxy, "name"), *names ? names : "NAME");
		free(names);
		json_decref(protocols);
	}
	json_decref(proxy);
	return hint;
}

/* The server's sentence has not room for all that there are. */
static char *hint_failure(struct call *c, const struct reply *r, const char *text, const char *name)
{
	const char *failure = about(c, text, "failure");
	char *protocol = failure && r->status == 400 ? protocol_get(c) : NULL, *hint = NULL;

	if (!protocol)
		return NULL;
	json_t *names = failures_get(c, "protocol", protocol, "name");
	const char *near = nearest(failure, names);
	if (near && strcmp(near, failure) && !suggests(text))
		hint = xasprintf("; did you mean '%s'?", near);
	json_decref(names);
	free(protocol);
	return hint;
}

/* The word that a sentence is about: what it quotes, or the option's name that it begins with. */
static char *subject(const struct call *c, const char *text)
{
	const char *open = strchr(text, '\''), *close = open ? strchr(open + 1, '\'') : NULL;
	const char *key, *at;
	json_t *value;

	if (close)
		return strndup(open + 1, (size_t)(close - open - 1));
	json_object_foreach(c->options, key, value)
		if ((at = strstr(text, key)) && !strncmp(at + strlen(key), ": ", 2))
			return strdup(key);
	return NULL;
}

static char *hint_choice(struct call *c, const struct reply *r, const char *text, const char *name)
{
	json_t *choices = choices_of(text);
	char *word = choices ? subject(c, text) : NULL, *hint = NULL;
	const char *near = word ? nearest(word, choices) : NULL;

	if (near && strcmp(near, word) && !suggests(text))
		hint = xasprintf("; did you mean '%s'?", near);
	free(word);
	json_decref(choices);
	return hint;
}

static char *(*const hints[])(struct call *, const struct reply *, const char *text,
                              const char *name) = {
	hint_proxy, hint_rule, hint_toxic, hint_type, hint_tcp, hint_failure, hint_choice,
};

/* ---- failing ---- */

static int fail_with(const char *text, char *hint)
{
	char *whole = xasprintf("%s%s", text, hint ? hint : "");
	int rc = fail(whole);

	free(whole);
	free(hint);
	return rc;
}

int fail_reply(struct call *c, const struct reply *r)
{
	const char *name, *text = reply_error(r, &name);
	char *hint = NULL;

	if (!text || r->status < 300)
		return fail_foreign(c, r->status);
	for (size_t i = 0; !hint && i < sizeof hints / sizeof *hints; i++)
		hint = hints[i](c, r, text, name);
	return fail_with(text, hint);
}

/* No name at all. */
static int fail_nameless(struct call *c)
{
	json_t *body = call_get(c, "/behaviors"), *names = json_object_get(body, "behaviors");
	int rc = FAILED;

	if (json_is_array(names)) {
		char *all = names_join(names, NULL);
		rc = fail_with("Please use one of ", all);
	} else if (body) {
		rc = fail_foreign(c, 200);
	}
	json_decref(body);
	return rc;
}

int fail_names(struct call *c, const char *sentence)
{
	if (!sentence)
		return fail_nameless(c);
	json_t *names = names_get(c, "/behaviors", "behaviors");
	char *word = subject(c, sentence);
	char *hint = hint_list(sentence, word ? word : "", false, names, "Please use one of ");
	free(word);
	json_decref(names);
	return fail_with(sentence, hint);
}
