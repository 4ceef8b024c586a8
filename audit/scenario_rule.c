/* scenario_rule.c - a scenario's rules: their choices, and the choice that fits a protocol. */
#include "audit/scenario_rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/failure.h"
#include "spec/registry.h"
#include "spec/rule_parse.h"

static const struct span_times any_times = { 10, 20 };  /* where T and H are not known yet */

/* ---- words ---- */

/* One word, quotes and all: where it ends, and in *from where it begins. NULL: there is none. */
static const char *word_span(const char *at, const char **from)
{
	char quote = 0;

	at += strspn(at, " \t");
	*from = at;
	for (; *at && (quote || !isspace((unsigned char)*at)); at++) {
		if (*at == '\\' && quote == '"' && at[1])
			at++;
		else if (*at == quote)
			quote = 0;
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
	}
	return at == *from ? NULL : at;
}

/* Append a word and a blank before it. */
static void words_add(char **words, const char *word, size_t n)
{
	char *made = xasprintf("%s%s%.*s", *words ? *words : "", *words ? " " : "", (int)n, word);

	free(*words);
	*words = made;
}

static const struct vn_behavior *behavior_of(const char *words)
{
	const char *from, *end = word_span(words, &from);
	char *name = end ? xstrndup(from, (size_t)(end - from)) : NULL;
	const struct vn_behavior *b = name ? behavior_find(name) : NULL;

	free(name);
	return b;
}

/* ---- choices ---- */

struct choices {                        /* what was read so far */
	struct phase_rule *rule;
	size_t begun;                   /* the first choice of the rule that is read */
	char error[ERROR_MAX];
};

static bool choice_add(struct choices *c, char *words)
{
	if (c->rule->n == RULE_CHOICES_MAX) {
		error_format(c->error, "rule: expected at most %d choices", RULE_CHOICES_MAX);
		free(words);
		return false;
	}
	c->rule->choices[c->rule->n++] = words;
	return true;
}

/* Behind a "|", a word that is no behavior: the failure of the last choice, once more. */
static bool failure_add(struct choices *c, const char *word, size_t n)
{
	static const char key[] = "failure=";
	const char *last = c->rule->choices[c->rule->n - 1];
	const char *equals = strrchr(last, '='), *blank = strrchr(last, ' ');

	if (!blank || !equals || strncmp(blank + 1, key, sizeof key - 1) != 0) {
		char meant[SUGGEST_MAX], *name = xstrndup(word, n);
		error_format(c->error, "rule: expected a behavior behind '|', or a failure if "
		             "failure=NAME is before it, got '%.40s'%s", name,
		             behavior_suggest(name, meant));
		free(name);
		return false;
	}
	return choice_add(c, xasprintf("%.*s%.*s", (int)(equals + 1 - last), last, (int)n, word));
}

/* One word of a rule: it belongs to all failures of that rule. */
static bool word_add(struct choices *c, const char *word, size_t n, bool first, bool behind)
{
	if (first) {
		char *name = xstrndup(word, n), *words = NULL;
		bool another = !behind || behavior_find(name);
		free(name);
		if (!another)
			return failure_add(c, word, n);
		c->begun = c->rule->n;
		words_add(&words, word, n);
		return choice_add(c, words);
	}
	for (size_t i = c->begun; i < c->rule->n; i++)
		words_add(&c->rule->choices[i], word, n);
	return true;
}

static bool choices_read(struct choices *c, const char *text)
{
	const char *word, *end;
	bool first = true, behind = false;

	for (; (end = word_span(text, &word)); text = end) {
		bool bar = end == word + 1 && *word == '|';
		if (bar && first) {
			error_format(c->error, "rule: expected a behavior before '|'");
			return false;
		}
		if (!bar && !word_add(c, word, (size_t)(end - word), first, behind))
			return false;
		behind |= bar;
		first = bar;
	}
	if (first)
		error_format(c->error, "rule: expected %s", behind ? "a choice behind '|'" :
		             "the words of --rule, such as: delay sleep=1s");
	return !first;
}

/* ---- checks ---- */

/* "period=T" with the time that T is. */
static char *letters_replace(const char *words, const struct vn_behavior *b,
                             const struct span_times *times)
{
	char *made = NULL, key[64], time[64];
	const char *word, *end;

	for (; (end = word_span(words, &word)); words = end) {
		size_t n = (size_t)(end - word);
		const struct vn_opt *o = NULL;
		if (n > 2 && n < sizeof key && word[n - 2] == '=' && strchr("TH", word[n - 1])) {
			snprintf(key, sizeof key, "%.*s", (int)n - 2, word);
			o = opt_find(b->options, key);
			o = o ? o : opt_find(rule_options, key);
		}
		if (o && o->type == VN_OPT_TIME) {
			snprintf(time, sizeof time, "%s=%.9gs", o->name,
			         word[n - 1] == 'T' ? times->fault : times->hang);
			words_add(&made, time, strlen(time));
		} else {
			words_add(&made, word, n);
		}
	}
	return made;
}

/* The value of an option in words, to be freed. NULL: it is not among them. */
static char *word_value(const char *words, const char *key)
{
	char ignored[ERROR_MAX], *word;
	size_t n = strlen(key);

	for (; (word = word_next(&words, ignored)); free(word))
		if (!strncmp(word, key, n) && word[n] == '=') {
			memmove(word, word + n + 1, strlen(word + n + 1) + 1);
			return word;
		}
	return NULL;
}

static bool own_words_only(const char *words, char error[ERROR_MAX])
{
	static const struct { const char *key, *why; } none[] = {
		{ "name", "rules of a scenario get names of their own" },
		{ "ttl", "'for' is how long the phase lasts" },
	};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		char *value = word_value(words, none[i].key);
		bool there = value;
		free(value);
		if (!there)
			continue;
		error_format(error, "rule: expected no '%s', %s", none[i].key, none[i].why);
		return false;
	}
	return true;
}

static bool failure_known(const char *words, char error[ERROR_MAX])
{
	char *name = word_value(words, "failure"), meant[SUGGEST_MAX], shown[48];
	struct suggestion near = { .word = name };
	const char *known = NULL;

	while (name && (known = failure_name_next(known)) && strcmp(known, name) != 0)
		suggest_try(&near, known);
	bool good = !name || known;
	if (!good)
		error_format(error, "failure: no protocol has '%s'%s; see vaurien --list failures",
		             text_printable(name, shown, sizeof shown),
		             suggest_show(&near, "", meant));
	free(name);
	return good;
}

static bool fits(const char *words, const struct vn_protocol *p, char error[ERROR_MAX])
{
	const struct spec on = { .protocol = p };
	struct rule_spec rule;

	if (!rule_read(&rule, words, &on, NULL, error))
		return false;
	rule_free(&rule);
	return true;
}

/* Has some protocol this choice? The error is that of a protocol with requests. */
static bool choice_check(const char *choice, char error[ERROR_MAX])
{
	const struct vn_behavior *b = behavior_of(choice);
	char *words = b ? letters_replace(choice, b, &any_times) : xstrdup(choice);
	char first[ERROR_MAX];
	size_t n;
	const struct vn_protocol *const *all = protocols_all(&n);
	bool good = own_words_only(words, error) && failure_known(words, error), fit = false;

	*first = '\0';
	for (size_t i = 0; good && !fit && i < n; i++) {
		fit = fits(words, all[i], error);
		if (!fit && !*first && all[i]->request)
			memcpy(first, error, sizeof first);
	}
	if (good && !fit && *first)
		memcpy(error, first, sizeof first);
	free(words);
	return good && fit;
}

bool phase_rule_read(struct phase_rule *rule, const char *text, char error[ERROR_MAX])
{
	struct choices c = { .rule = rule };

	*rule = (struct phase_rule){ 0 };
	bool good = choices_read(&c, text);
	if (!good)
		memcpy(error, c.error, ERROR_MAX);
	for (size_t i = 0; good && i < rule->n; i++)
		good = choice_check(rule->choices[i], error);
	if (!good)
		phase_rule_free(rule);
	return good;
}

void phase_rule_free(struct phase_rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		free(rule->choices[i]);
	rule->n = 0;
}

/* Restrict a rule to clients. What strikes the port strikes them at accept instead. */
static char *client_add(char *words, const struct vn_behavior *b, const char *client)
{
	char *made;

	if (!client)
		return words;
	made = xasprintf("%s client=%s", b->on == VN_ON_LISTEN ? "reset connections=new" : words,
	                 client);
	free(words);
	return made;
}

static bool client_free(const char *words, const char *client, char error[ERROR_MAX])
{
	char *own = client ? word_value(words, "client") : NULL;
	bool good = !own;

	if (!good)
		error_format(error, "rule: expected no 'client' with --only-client %s", client);
	free(own);
	return good;
}

static bool breaks_tls(const struct vn_behavior *b)
{
	return b->on & VN_ON_HELLO || b->traits & VN_TRAIT_UPGRADE;
}

const char *phase_rule_pick(const struct phase_rule *rule, const struct scenario_proxy *proxy,
                            char error[ERROR_MAX])
{
	bool good = false;
	size_t i = 0;

	for (; !good && i < rule->n; i++) {
		const struct vn_behavior *b = behavior_of(rule->choices[i]);
		if (!proxy->vanishes && i + 1 < rule->n && !strcmp(b->name, "vanish"))
			continue;
		if (breaks_tls(b) && !proxy->tls) {
			error_format(error, "%s is for proxies with client_tls", b->name);
			continue;
		}
		char *words = letters_replace(rule->choices[i], b, &any_times);
		good = fits(words, proxy->protocol, error);
		free(words);
	}
	return good ? rule->choices[i - 1] : NULL;
}

char *phase_rule_choose(const struct phase_rule *rule, const struct scenario_proxy *proxy,
                        const struct span_times *times, const char *client, char error[ERROR_MAX])
{
	const char *choice = phase_rule_pick(rule, proxy, error);
	const struct vn_behavior *b = choice ? behavior_of(choice) : NULL;

	if (!choice || !client_free(choice, client, error))
		return NULL;
	return client_add(letters_replace(choice, b, times), b, client);
}
