/* table.c - the fleet as one value: members, rules, and what became of each where. */
#include "fleet/table.h"

#include <stdlib.h>
#include <string.h>

enum { WHY_MAX = 20 };                  /* sentences shown of one rule */

/* The object that is this name's text. A new reference; an empty one if it is none. */
static json_t *document(const json_t *texts, const char *name)
{
	const json_t *text = json_object_get(texts, name);
	json_t *value =
		text ? json_loadb(json_string_value(text), json_string_length(text), 0, NULL) :
		       NULL;

	if (json_is_object(value))
		return value;
	json_decref(value);
	return json_object();
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The object's keys in order, to be freed. */
static const char **names_sorted(const json_t *object, size_t *n)
{
	const char **names = malloc((json_object_size(object) + 1) * sizeof *names);
	const char *key;
	json_t *value;

	*n = 0;
	json_object_foreach((json_t *)object, key, value)
		if (names)
			names[(*n)++] = key;
	if (names)
		qsort(names, *n, sizeof *names, by_name);
	return names;
}

static void add_to(json_t *object, const char *key, json_int_t n)
{
	json_object_set_new(object, key, json_integer(json_integer_value(
		json_object_get(object, key)) + n));
}

static void copy(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	json_object_set_new(to, key, value ? json_incref(value) : json_null());
}

/* ---- rules ---- */

static json_t *rule_row(const json_t *rules, const char *name)
{
	static const char *const counts[] = {
		"reported", "members", "proxies", "refused", "seen", "hits", "unreachable"
	};
	json_t *wish = document(rules, name), *row = json_pack("{s:s}", "name", name);

	copy(row, wish, "select");
	copy(row, wish, "rule");
	copy(row, wish, "for");
	copy(row, wish, "max_members");
	copy(row, wish, "author");
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		json_object_set_new(row, counts[i], json_integer(0));
	json_object_set_new(row, "why", json_object());
	json_decref(wish);
	return row;
}

/* One member's report on one rule. */
static void rule_add(json_t *row, json_t *sums, const char *member, json_t *report)
{
	json_t *why = json_object_get(row, "why"), *sentence, *error;
	const char *proxy;
	json_int_t applied = json_integer_value(json_object_get(report, "applied"));
	json_int_t refused = json_integer_value(json_object_get(report, "refused"));

	error = json_object_get(report, "error");
	if (json_is_string(error))
		json_object_set(row, "error", error);
	add_to(row, "reported", 1);
	add_to(row, "members", applied > 0);
	add_to(row, "proxies", applied);
	add_to(row, "refused", refused);
	add_to(sums, "applied", applied);
	add_to(sums, "refused", refused);
	for (const char *const *key = (const char *const[]){ "seen", "hits", "unreachable", NULL };
	     *key; key++)
		add_to(row, *key, json_integer_value(json_object_get(report, *key)));
	json_object_foreach(json_object_get(report, "why"), proxy, sentence) {
		json_t *at = json_sprintf("%s/%s", member, proxy);
		if (at && json_object_size(why) < WHY_MAX)
			json_object_set(why, json_string_value(at), sentence);
		json_decref(at);
	}
}

static json_t *member_row(const json_t *members, const char *name)
{
	json_t *m = document(members, name), *row = json_pack("{s:s}", "name", name);

	copy(row, m, "labels");
	copy(row, m, "version");
	copy(row, m, "api");
	json_object_set_new(
		row, "proxies",
		json_integer((json_int_t)json_array_size(json_object_get(m, "proxies"))));
	json_object_set_new(row, "applied", json_integer(0));
	json_object_set_new(row, "refused", json_integer(0));
	json_decref(m);
	return row;
}

json_t *fleet_table(const json_t *rules, const json_t *members, const json_t *status)
{
	json_t *rows = json_object(), *all = json_array(), *rule_rows = json_array();
	size_t n_rules, n_members;
	const char **rule = names_sorted(rules, &n_rules),
		   **member = names_sorted(members, &n_members);

	for (size_t i = 0; i < n_rules; i++) {
		json_t *row = rule_row(rules, rule[i]);
		json_object_set(rows, rule[i], row);
		json_array_append_new(rule_rows, row);
	}
	for (size_t i = 0; i < n_members; i++) {
		json_t *row = member_row(members, member[i]), *report;
		json_t *reports = document(status, member[i]);
		const char *id;
		json_object_foreach(json_object_get(reports, "rules"), id, report)
			if (json_object_get(rows, id))
				rule_add(json_object_get(rows, id), row, member[i], report);
		json_array_append_new(all, row);
		json_decref(reports);
	}
	free(rule);
	free(member);
	json_decref(rows);
	return json_pack("{s:o, s:o}", "members", all, "rules", rule_rows);
}
