/* fleet_actions.c - vaurienctl --fleet: members, rules, rule add, rule remove, calm, watch. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/fleet.h"
#include "fleet/etcd_number.h"
#include "fleet/selector.h"

/* ---- tables ---- */

static char *number_show(const json_t *row, const char *key)
{
	return xasprintf("%lld", (long long)json_integer_value(json_object_get(row, key)));
}

static void set_text(json_t *row, const char *key, char *text)
{
	json_object_set_new(row, key, json_string(text));
	free(text);
}

/* "app=shop,zone=a" */
static char *labels_show(const json_t *labels)
{
	json_t *pairs = pairs_make(labels);
	char *text = strdup(json_string_value(pairs) ? json_string_value(pairs) : "-");

	assert(text);
	for (char *p = text; *p; p++)
		*p = *p == ' ' ? ',' : *p;
	json_decref(pairs);
	return text;
}

static void members_show(const json_t *all)
{
	static const struct column columns[] = {
		{ "name", "MEMBER" }, { "labels", "LABELS" }, { "proxies", "PROXIES" },
		{ "applied", "APPLIED" }, { "refused", "REFUSED" }, { "version", "VERSION" },
		{ "api", "API" }, { NULL, NULL },
	};
	json_t *rows = json_deep_copy(json_object_get(all, "members")), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		set_text(row, "labels", labels_show(json_object_get(row, "labels")));
	table_show(columns, rows, "The fleet has no members");
	json_decref(rows);
}

/* "error failure=deadlock" */
static char *rule_show(const json_t *rule)
{
	json_t *rest = json_copy((json_t *)rule), *pairs;
	char *text;

	json_object_del(rest, "behavior");
	pairs = pairs_make(rest);
	text = xasprintf("%s %s", text_of(rule, "behavior"), json_string_value(pairs));
	json_decref(pairs);
	json_decref(rest);
	return text;
}

static void rules_show(const json_t *all)
{
	static const struct column columns[] = {
		{ "name", "RULE" }, { "words", "WORDS" }, { "select", "SELECT" },
		{ "max_members", "MAX" }, { "members", "MEMBERS" }, { "proxies", "PROXIES" },
		{ "refused", "REFUSED" }, { "hits", "STRUCK" }, { "author", "AUTHOR" },
		{ "why", "WHY NOT" }, { NULL, NULL },
	};
	json_t *rows = json_deep_copy(json_object_get(all, "rules")), *row, *sentence;
	const char *where;
	size_t i;

	json_array_foreach(rows, i, row) {
		json_t *why = json_object_get(row, "why"), *first = json_object_get(row, "error");
		set_text(row, "words", rule_show(json_object_get(row, "rule")));
		first = first ? json_incref(first) : NULL;
		json_object_foreach(why, where, sentence)
			if (!first)
				first = json_sprintf("%s: %s", where, json_string_value(sentence));
		json_object_set_new(row, "why", first ? first : json_null());
	}
	table_show(columns, rows, "The fleet has no rules");
	json_decref(rows);
}

static int shown(struct call *c, const char *key, void (*show)(const json_t *))
{
	json_t *all = fleet_get(c);

	if (!all)
		return FAILED;
	if (c->json)
		json_show(json_object_get(all, key));
	else
		show(all);
	json_decref(all);
	return 0;
}

static int members(struct call *c)
{
	return shown(c, "members", members_show);
}

static int rules(struct call *c)
{
	return shown(c, "rules", rules_show);
}

/* ---- rule add ---- */

static int misuse(const char *sentence)
{
	fprintf(stderr, "vaurienctl: error: %s\n", sentence);
	return MISUSED;
}

/* An option's text; NULL: not given. `bad`: it was given without one. */
static const char *option(const struct call *c, const char *name, bool *bad)
{
	const json_t *value = json_object_get(c->options, name);

	*bad |= value && !json_is_string(value);
	return json_string_value(value);
}

/* user@host */
static json_t *author(void)
{
	char host[128] = "";
	const char *user = getenv("USER");

	gethostname(host, sizeof host - 1);
	json_t *text = json_sprintf("%s@%s", user && *user ? user : "somebody", host);
	return text ? text : json_string("somebody");
}

/* `rule`: what was typed. NULL: refused, which is printed. */
static json_t *document_make(const struct call *c, json_t *rule, struct wish *w)
{
	char error[ERROR_MAX];
	bool bad = false, percent;
	double limit;
	const char *select = option(c, "select", &bad), *lasts = option(c, "for", &bad);
	const char *most = option(c, "max_members", &bad);

	w->guard = option(c, "guard", &bad);
	if (bad) {
		misuse("rule add: --select, --for, --max-members and --guard need a value");
		return NULL;
	}
	json_t *selector = selector_read(select ? select : "", "--select", error);
	json_decref(selector);
	if (!selector || (most && !limit_read(most, &limit, &percent, error))) {
		misuse(error);
		return NULL;
	}
	if (lasts && !seconds_read(lasts, &w->lasts)) {
		misuse("--for: expected a time above 0, such as 5m");
		return NULL;
	}
	for (const char *const *own = (const char *const[]){ "select", "for", "max_members",
	     "guard", "name", NULL }; *own; own++)
		json_object_del(rule, *own);
	json_t *document = json_pack("{s:s, s:O, s:o}", "select", select ? select : "", "rule",
	                             rule, "author", author());
	if (lasts)
		json_object_set_new(document, "for", json_real(w->lasts));
	if (most)
		json_object_set_new(document, "max_members", json_string(most));
	return document;
}

/* NULL: refused, which is printed. To be freed. */
static char *id_make(json_t *rule)
{
	const char *name = json_string_value(json_object_get(rule, "name"));
	char *id = strdup(name ? name : text_of(rule, "behavior"));

	assert(id);
	if (fleet_id_good(id))
		return id;
	misuse("rule add: expected a name of at most 64 letters, digits, '.', '_' and '-'");
	free(id);
	return NULL;
}

static int rule_add(struct call *c)
{
	int rc;
	json_t *rule = rule_typed(c, &rc);
	struct wish w = { NULL };
	char *id = rule ? id_make(rule) : NULL;

	w.id = id;
	w.document = id ? document_make(c, rule, &w) : NULL;
	if (w.document)
		rc = wish_keep(c, &w);
	else if (rule)
		rc = MISUSED;
	json_decref(w.document);
	json_decref(rule);
	free(id);
	return rc;
}

/* ---- rule remove, calm ---- */

/* The number of keys that were deleted; -1: no answer, which is printed. */
static json_int_t rules_delete(struct call *c, const char *id)
{
	json_t *body = json_pack("{s:o}", "key", etcd_key("rules", id, false)), *answer;

	if (!*id)
		json_object_set_new(body, "range_end", etcd_key("rules", "", true));
	answer = etcd_post(c, "kv/deleterange", body);
	json_int_t n = answer ? (json_int_t)etcd_number(answer, "deleted") : -1;
	json_decref(answer);
	return n;
}

static int rule_remove(struct call *c)
{
	json_int_t n = rules_delete(c, c->words[0]);
	char *name = line_make(c->words[0]);
	int rc = n == 1 ? 0 : FAILED;

	if (n == 0)
		fprintf(stderr, "vaurienctl: the fleet has no rule '%s'\n", name);
	else if (n > 0 && c->json)
		puts("{\"removed\": 1}");
	else if (n > 0)
		printf("Rule '%s' is withdrawn\n", name);
	free(name);
	return rc;
}

/* Proxies on which a rule is in force, by the members' reports; -1: no answer. */
static json_int_t in_force(struct call *c)
{
	json_t *status = etcd_texts(c, STORE_STATUS), *text, *rule;
	const char *member, *id;
	json_int_t n = status ? 0 : -1;

	json_object_foreach(status, member, text) {
		json_t *report = json_loads(json_string_value(text), 0, NULL);
		json_object_foreach(json_object_get(report, "rules"), id, rule)
			n += json_integer_value(json_object_get(rule, "applied"));
		json_decref(report);
	}
	json_decref(status);
	return n;
}

static int calm(struct call *c)
{
	json_int_t n = rules_delete(c, ""), left = n < 0 ? -1 : 1;

	for (int i = 0; n >= 0 && i < 40 && (left = in_force(c)) > 0; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	if (left < 0)
		return FAILED;
	if (c->json)
		printf("{\"removed\": %lld, \"in_force\": %lld}\n", (long long)n, (long long)left);
	else
		printf("%lld %s withdrawn; %s\n", (long long)n, n == 1 ? "rule is" : "rules are",
		       left ? "some members have not reported yet" : "none is in force anywhere");
	return left ? FAILED : 0;
}

/* ---- watch ---- */

/* "12:00:00  rule slow  members=3 proxies=57 hits=12", for each row that is other than before. */
static void changes_show(const json_t *rows, json_t *before, const char *what,
                         const char *const *keys)
{
	const json_t *row;
	const char *name;
	json_t *line;
	void *next;
	size_t i;
	char clock[16];
	time_t t = time(NULL);
	json_t *names = json_object();

	strftime(clock, sizeof clock, "%H:%M:%S", localtime(&t));
	json_array_foreach(rows, i, row) {
		char *text = strdup("");
		for (const char *const *key = keys; *key; key++) {
			char *more, *number = number_show(row, *key);
			more = xasprintf("%s  %s=%s", text, *key, number);
			free(number);
			free(text);
			text = more;
		}
		char *shown_name = line_make(text_of(row, "name"));
		const char *was = json_string_value(json_object_get(before, shown_name));
		json_object_set_new(names, shown_name, json_true());
		if (!was || strcmp(was, text))
			printf("%s  %s %s%s\n", clock, what, shown_name, text);
		json_object_set_new(before, shown_name, json_string(text));
		free(shown_name);
		free(text);
	}
	json_object_foreach_safe(before, next, name, line)
		if (!json_object_get(names, name)) {
			printf("%s  %s %s is gone\n", clock, what, name);
			json_object_del(before, name);
		}
	json_decref(names);
}

static int watch(struct call *c)
{
	static const char *const member_keys[] = { "proxies", "applied", "refused", NULL };
	static const char *const rule_keys[] = { "members", "proxies", "refused", "hits", NULL };
	json_t *members_before = json_object(), *rules_before = json_object(), *all = NULL;

	for (;;) {
		json_t *more = fleet_get(c);
		if (!more)
			break;
		if (c->json && !json_equal(more, all)) {
			char *text = json_dumps(more, JSON_COMPACT);
			json_line_show(text ? text : "");
			putchar('\n');
			free(text);
		} else if (!c->json) {
			changes_show(json_object_get(more, "members"), members_before, "member",
			             member_keys);
			changes_show(json_object_get(more, "rules"), rules_before, "rule",
			             rule_keys);
		}
		json_decref(all);
		all = more;
		if (fflush(stdout) || ferror(stdout))
			break;
		nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	}
	json_decref(all);
	json_decref(members_before);
	json_decref(rules_before);
	return FAILED;
}

/* ---- the table ---- */

static const char *const add_options[] = { "select", "for", "max-members", "guard", NULL };

const struct action fleet_actions[] = {
	{ "members", NULL, "list the members of the fleet", 0, 0, NULL, members },
	{ "rules", NULL, "list the fleet's rules: how many have them, how often they struck", 0, 0,
	  NULL, rules },
	{ "rule add", "BEHAVIOR [OPTION=VALUE]...", "a rule for all members that --select names",
	  1, WORDS, any, rule_add,
	  "  --select WORDS     labels of members (app=shop,zone=a), proxy=GLOB, protocol=NAME;\n"
	  "                     without it: all\n"
	  "  --for TIME         how long: 5m, 30s. Without it, for as long as this command runs\n"
	  "  --max-members N    a number of members, or a percent such as 10%\n"
	  "  --guard COMMAND    runs every 5 s; an exit code other than 0 withdraws the rule\n\n"
	  "The words are those of vaurien's --rule; name=NAME names it (default: the behavior).\n\n"
	  "example:\n"
	  "  vaurienctl --fleet etcd://etcd:2379/shop rule add --select app=shop --for 5m \\\n"
	  "      --max-members 10% error failure=deadlock\n", true, add_options },
	{ "rule remove", "NAME", "withdraw it, everywhere", 1, 1, NULL, rule_remove },
	{ "calm", NULL, "withdraw all rules, everywhere, now", 0, 0, NULL, calm },
	{ "watch", NULL, "a line for each change, until interrupted", 0, 0, NULL, watch },
	{ NULL },
};
