/* report_places.c - places of findings ("db/hang/stock"), and what to mend, in order. */
#include <string.h>

#include "audit/report_words.h"
#include "base/memory.h"

enum { PLACES_SHOWN = 8 };              /* names of each list; then "and 5 more" */

/* Appends a name unless the list has it. */
static void list_add(json_t *list, const char *name, size_t n)
{
	size_t i;
	json_t *each;

	json_array_foreach(list, i, each)
		if (json_string_length(each) == n && !memcmp(json_string_value(each), name, n))
			return;
	json_array_append_new(list, json_stringn(name, n));
}

static void list_write(FILE *to, const json_t *list)
{
	size_t i, n = json_array_size(list), shown = n <= PLACES_SHOWN ? n : PLACES_SHOWN - 1;

	for (i = 0; i < shown; i++)
		fprintf(to, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
	if (shown < n)
		fprintf(to, " and %zu more", n - shown);
}

char *report_places(const json_t *where, bool proxies)
{
	json_t *outages = json_array(), *probes = json_array();
	size_t i, size;
	const json_t *each;
	char *text;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		memory_out();
	json_array_foreach(where, i, each) {
		const char *place = json_string_value(each) ? json_string_value(each) : "";
		const char *outage = strchr(place, '/');
		const char *probe = outage ? strchr(outage + 1, '/') : NULL;
		const char *begin = proxies || !outage ? place : outage + 1;

		list_add(outages, begin, probe ? (size_t)(probe - begin) : strlen(begin));
		if (probe)
			list_add(probes, probe + 1, strlen(probe + 1));
	}
	list_write(to, probes);
	if (json_array_size(probes) && json_array_size(outages))
		fputs(": ", to);
	list_write(to, outages);
	fclose(to);
	json_decref(outages);
	json_decref(probes);
	return xalloced(text);
}

json_t *report_struck_proxies(const json_t *report)
{
	json_t *names = json_array();
	size_t i;
	const json_t *each;

	json_array_foreach(json_object_get(report, "experiments"), i, each) {
		const char *name = report_text(each, "proxy");
		list_add(names, name, strlen(name));
	}
	return names;
}

bool report_many_proxies(const json_t *report)
{
	json_t *names = report_struck_proxies(report);
	bool many = json_array_size(names) > 1;

	json_decref(names);
	return many;
}

/* The entry with the same remedy; without a remedy nothing is the same. */
static json_t *same_remedy(json_t *list, const json_t *finding)
{
	const char *remedy = report_text(finding, "remedy");
	size_t i;
	json_t *each;

	json_array_foreach(list, i, each)
		if (*remedy && !strcmp(report_text(each, "remedy"), remedy) &&
		    report_true(each, "known") == report_true(finding, "known") &&
		    report_mark(each, "severity") == report_mark(finding, "severity"))
			return each;
	return NULL;
}

static void join(json_t *entry, const json_t *finding)
{
	json_t *ids = json_sprintf("%s, %s", report_text(entry, "ids"), report_text(finding, "id"));
	json_t *where = json_object_get(entry, "where");
	size_t i;
	const json_t *each;

	if (ids)
		json_object_set_new(entry, "ids", ids);
	json_array_foreach(json_object_get(finding, "where"), i, each)
		if (json_is_string(each))
			list_add(where, json_string_value(each), json_string_length(each));
}

json_t *report_to_mend(const json_t *report)
{
	json_t *list = json_array();
	size_t i;
	const json_t *each;

	json_array_foreach(json_object_get(report, "findings"), i, each) {
		json_t *same, *where = json_object_get(each, "where");

		if (report_mark(each, "severity") == MARK_PASS)
			continue;
		same = same_remedy(list, each);
		if (same) {
			join(same, each);
			continue;
		}
		json_array_append_new(list, json_pack("{ss ss so ss ss sb}",
			"ids", report_text(each, "id"),
			"severity", report_text(each, "severity"),
			"where", json_is_array(where) ? json_copy(where) : json_array(),
			"text", report_text(each, "text"), "remedy", report_text(each, "remedy"),
			"known", report_true(each, "known")));
	}
	return list;
}
