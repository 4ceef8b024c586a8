/* rules.c - vaurienctl's actions on rules: add, change, remove and list, in the words of --rule. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "call.h"

/* A rule as it was typed: `behavior` and NAME=VALUE, or --NAME VALUE. */
struct typed {
	char *text;                     /* all words; those of the first argument are cut out */
	const char *behavior;           /* or the rule's name; NULL: none was typed */
	json_t *options;
};

/* ---- words ---- */

/* "it's 2": 2 is a number, but for what is a text. */
static json_t *option_value(const char *key, const json_t *text)
{
	static const char *const texts[] = { "match", "name", "client", "failure" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (!strcmp(key, texts[i]) && json_is_string(text))
			return json_incref((json_t *)text);
	return value_parse(text);
}

static bool option_add(json_t *options, char *key, const char *value)
{
	json_t *text = json_string(value);

	for (char *p = key; *p; p++)
		*p = *p == '-' ? '_' : *p;
	if (text)
		json_object_set_new(options, key, option_value(key, text));
	json_decref(text);
	return text;
}

/* Without the quotes around all of it, which --rule takes off, too. To be freed. */
static char *unquoted(const char *value)
{
	size_t n = strlen(value);
	const char *at = value;
	char error[ERROR_MAX], *word = NULL;

	if (n > 1 && (*value == '"' || *value == '\'') && value[n - 1] == *value)
		word = word_next(&at, error);
	if (word && !*at)
		return word;
	free(word);
	word = strdup(value);
	assert(word);
	return word;
}

static int misuse_word(const struct call *c, const char *expected, const char *word)
{
	char *line = line_make(word);

	fprintf(stderr, "vaurienctl: error: %s: expected %s, got '%s'\n", c->action->name,
	        expected, line);
	free(line);
	return MISUSED;
}

/* OPTION=VALUE. 0, or the exit code. */
static int pair_take(const struct call *c, struct typed *t, const char *word, bool quoted)
{
	char *key = strdup(word), *equals = strchr(key, '='), *value;

	assert(key);
	int rc = equals && equals != key ? 0 : misuse_word(c, "OPTION=VALUE", word);
	if (!rc) {
		*equals = 0;
		value = quoted ? unquoted(equals + 1) : strdup(equals + 1);
		if (!option_add(t->options, key, value))
			rc = misuse_word(c, "UTF-8", word);
		free(value);
	}
	free(key);
	return rc;
}

/* "db:" chooses the proxy, as in --rule. */
static bool is_proxy(const struct typed *t, const char *word)
{
	size_t n = strlen(word);

	return !t->behavior && !t->text && n > 1 && word[n - 1] == ':';
}

static int proxy_take(struct call *c, struct typed *t, const char *word)
{
	t->text = strndup(word, strlen(word) - 1);
	assert(t->text);
	if (c->resolved)                /* "all:", and it has been seen to */
		return 0;
	if (c->proxy && strcmp(c->proxy, t->text))
		return misuse_word(c, "the proxy of --proxy", t->text);
	c->proxy = t->text;
	return 0;
}

/* A word that is not the shell's but part of a rule in one argument. Takes it over. */
static int part_take(struct call *c, struct typed *t, char *word)
{
	int rc = 0;

	if (is_proxy(t, word))
		rc = proxy_take(c, t, word);
	else if (!t->behavior)
		json_object_set_new(t->options, "behavior", json_string(word));
	else
		rc = pair_take(c, t, word, false);
	if (!rc && !t->behavior)
		t->behavior = json_string_value(json_object_get(t->options, "behavior"));
	free(word);
	return rc;
}

/* 'db: delay sleep=2s match="a b"' in one argument. */
static int text_take(struct call *c, struct typed *t, const char *text)
{
	char error[ERROR_MAX] = "", *word;
	int rc = 0;

	while (!rc && (word = word_next(&text, error)))
		rc = part_take(c, t, word);
	return rc || !*error ? rc : misuse_word(c, error + strlen("expected "), text);
}

/* All words and options of the action. 0, or the exit code. *t is given back in any case. */
static int typed_read(struct call *c, struct typed *t, bool rule)
{
	const char *key;
	json_t *text;
	int rc = 0;

	*t = (struct typed){ .options = json_object() };
	for (unsigned i = 0; i < c->n && !rc; i++)
		if (rule && !t->behavior)
			rc = text_take(c, t, c->words[i]);
		else if (!rule && !i)
			t->behavior = c->words[0];
		else
			rc = pair_take(c, t, c->words[i], true);
	json_object_foreach(c->options, key, text)
		json_object_set_new(t->options, key, option_value(key, text));
	if (!rc && !t->behavior)
		rc = misuse_word(c, "a behavior", c->words[0]);
	return rc;
}

json_t *rule_typed(struct call *c, int *rc)
{
	struct typed t;

	*rc = typed_read(c, &t, true);
	if (!*rc && c->proxy)
		*rc = misuse_word(c, "--select proxy=NAME", c->proxy);
	json_t *rule = *rc ? NULL : json_incref(t.options);
	json_decref(t.options);
	free(t.text);
	return rule;
}

static void typed_free(struct typed *t)
{
	json_decref(t->options);
	free(t->text);
}

/* ---- requests ---- */

/* /rules/NAME of the proxy that is meant. To be freed. */
static char *rules_path(const struct call *c, const char *name)
{
	return c->proxy ? path_make("", c->proxy, "rules", name, NULL)
	                : path_make("", "rules", name, NULL);
}

/* "Added rule 'slow': delay sleep=2s name=slow". Of the behavior the answer has no words. */
static void rule_show(struct call *c, const char *done, const json_t *rule)
{
	const char *known = json_string_value(json_object_get(rule, "as_rule"));
	char *name = line_make(known ? text_of(rule, "name") : c->words[0]);
	char *words = line_make(known ? known : ""), *whose = whose_make(c);

	printf("%s rule '%s'%s%s%s\n", done, name, whose, known ? ": " : "", words);
	warning_show(rule);
	free(whose);
	free(words);
	free(name);
}

static int rule_send(struct call *c, const char *method, const char *name, json_t *body,
                     const char *done)
{
	char *path = rules_path(c, name);
	struct reply r;
	int rc = 0;

	bool answered = call_send(c, method, path, body, &r);
	free(path);
	if (!answered)
		return FAILED;
	if (r.status != 200 || !json_is_object(r.body))
		rc = fail_reply(c, &r);
	else if (c->json)
		json_show(r.body);
	else
		rule_show(c, done, r.body);
	reply_free(&r);
	return rc;
}

/* Its text stays for as long as the call is used: a proxy may be in it. */
static int rule_add(struct call *c)
{
	struct typed t;
	int rc = typed_read(c, &t, true);

	if (!rc && t.text && names_all(c))
		rc = run_for_all(c);
	else if (!rc)
		rc = rule_send(c, "POST", NULL, json_incref(t.options), "Added");
	typed_free(&t);
	c->proxy = NULL;
	return rc;
}

static int rule_set(struct call *c)
{
	struct typed t;
	int rc = typed_read(c, &t, false);

	if (!rc && !json_object_size(t.options)) {
		fprintf(stderr, "vaurienctl: error: rule set: expected OPTION=VALUE\n");
		rc = MISUSED;
	}
	if (!rc)
		rc = rule_send(c, "PUT", t.behavior, json_incref(t.options), "Changed");
	typed_free(&t);
	return rc;
}

static int rule_remove(struct call *c)
{
	bool all = !strcmp(c->words[0], "all");
	char *path = rules_path(c, all ? NULL : c->words[0]), *whose = whose_make(c);
	int rc = all ? call_do(c, "PUT", path, json_pack("{s:[]}", "rules"),
	                       "Removed all rules but the behavior%s", whose)
	             : call_do(c, "DELETE", path, NULL, "Removed rule '%s'%s", c->words[0],
	                       whose);

	free(whose);
	free(path);
	return rc;
}

/* ---- a proxy that is down: a rule of this name ---- */

#define DOWN "down"

/* The rule of that name. NULL: there is none, or no answer; *good: which. */
static json_t *down_get(struct call *c, bool *good)
{
	char *path = rules_path(c, NULL);
	json_t *body = call_get(c, path), *rules = reply_rows(body, "rules"), *rule, *found = NULL;
	size_t i;

	free(path);
	*good = rules;
	if (body && !rules)
		fail_foreign(c, 200);
	json_array_foreach(rules, i, rule)
		if (!strcmp(text_of(rule, "name"), DOWN))
			found = json_incref(rule);
	json_decref(body);
	return found;
}

/* Refuse clients from now on. 0, or the exit code. */
static int down_begin(struct call *c, const char *lasts)
{
	bool good;
	json_t *was = down_get(c, &good), *body;
	char *path = rules_path(c, was ? DOWN : NULL);
	struct reply r;
	int rc = good ? 0 : FAILED;

	if (was && strcmp(text_of(was, "behavior"), "refuse"))
		rc = fail("down: another rule has the name '" DOWN "'");
	body = was ? json_pack("{s:s}", "ttl", lasts)
	           : json_pack("{s:s, s:s, s:s}", "behavior", "refuse", "name", DOWN, "ttl", lasts);
	if (rc || !call_send(c, was ? "PUT" : "POST", path, body, &r)) {
		if (rc)
			json_decref(body);
		rc = FAILED;
	} else {
		rc = r.status == 200 ? 0 : fail_reply(c, &r);
		reply_free(&r);
	}
	json_decref(was);
	free(path);
	return rc;
}

/* -1: it failed, which is printed. */
static json_int_t connections_reset(struct call *c)
{
	char *path = c->proxy ? path_make("/proxies", c->proxy, "connections", NULL)
	                      : path_make("", "connections", NULL), *how;
	struct reply r;
	json_int_t n = -1;

	how = xasprintf("%s?how=reset", path);
	if (call_send(c, "DELETE", how, NULL, &r)) {
		const json_t *ended = json_object_get(r.body, "ended");
		if (r.status == 200 && json_is_integer(ended))
			n = json_integer_value(ended);
		else
			fail_reply(c, &r);
		reply_free(&r);
	}
	free(how);
	free(path);
	return n;
}

/* The rule removes itself, so the proxy comes back even if nobody is left to call `up`. */
static int down(struct call *c)
{
	const char *lasts = json_string_value(json_object_get(c->options, "for"));
	double seconds = 0;

	if (json_object_get(c->options, "for") && (!lasts || !seconds_read(lasts, &seconds)))
		return misuse_word(c, "--for and a time above 0, such as 5s", lasts ? lasts : "");
	int rc = down_begin(c, lasts ? lasts : "0");
	json_int_t n = rc ? -1 : connections_reset(c);
	if (n < 0)
		return FAILED;
	if (c->json)
		done_show(json_pack("{s:s, s:I}", "status", "ok", "ended", n));
	else
		printf("Proxy %s is down%s%s%s; %" JSON_INTEGER_FORMAT " %s reset\n",
		       c->words[0], lasts ? " for " : "", lasts ? lasts : "",
		       lasts && strspn(lasts, "0123456789.") == strlen(lasts) ? " s" : "", n,
		       n == 1 ? "connection was" : "connections were");
	return 0;
}

static int up(struct call *c)
{
	bool good;
	json_t *was = down_get(c, &good);
	char *path = rules_path(c, DOWN);
	int rc = FAILED;

	if (was && !strcmp(text_of(was, "behavior"), "refuse")) {
		rc = call_do(c, "DELETE", path, NULL, "Proxy %s is up again", c->words[0]);
	} else if (good) {
		if (c->json)
			done_show(json_object());
		else
			printf("%s%s was not down\n", each_under_way() ? "Proxy " : "",
			       each_under_way() ? c->words[0] : "It");
		rc = 0;
	}
	json_decref(was);
	free(path);
	return rc;
}

/* ---- the table ---- */

static const char *const down_options[] = { "for", NULL };

const struct action rule_actions[] = {
	{ "rule add", "BEHAVIOR [OPTION=VALUE]...",
	  "add a rule, beside the behavior and all other rules", 1, WORDS, any, rule_add,
	  "The words are those of vaurien's --rule; --OPTION VALUE does the same. name=NAME\n"
	  "names it (default: the behavior). NAME: before them, or --proxy, is its proxy.\n"
	  "Conditions: match=REGEX, client=ADDRESS,\n"
	  "kind=reads|writes|..., connections=open|new, direction=request|response|both,\n"
	  "probability=0.1, per=connection|exchange, skip=N, times=N, every=N, ttl=60s,\n"
	  "share=proxy.\n\n"
	  "examples:\n"
	  "  vaurienctl rule add delay sleep=300ms match=\"^GET\" name=slow\n"
	  "  vaurienctl rule add error --failure deadlock --match '^QUERY UPDATE' --times 1\n"
	  "  vaurienctl rule add 'cache: delay sleep=2s'\n", true, .whom = ONE, .shared = true },
	{ "rule set", "NAME OPTION=VALUE...", "change these options; the rest stays",
	  1, WORDS, any, rule_set,
	  "Its counts stay, too.\n\nexample:\n  vaurienctl rule set slow sleep=1s times=3\n",
	  true, .whom = ONE, .shared = true },
	{ "rule remove", "NAME|all", "remove it; what it holds back goes on", 1, 1, NULL,
	  rule_remove, .whom = ONE, .shared = true },
	{ "rule list", "[PROXY]", "list the rules, as `rules` does", 0, 1, NULL, rules_list,
	  .whom = MANY, .shared = true },
	{ "down", "PROXY [--for TIME]", "refuse new clients, and reset open connections", 1, 1,
	  down_options, down,
	  "  --for TIME  the proxy comes back by itself after it: 5s, 250ms, 1m. Without it, by\n"
	  "              `vaurienctl up`\n\n"
	  "It is a rule of the name down, with a ttl.\n", .whom = ONE },
	{ "up", "PROXY", "end what `down` began", 1, 1, NULL, up, .whom = ONE },
	{ NULL },
};
