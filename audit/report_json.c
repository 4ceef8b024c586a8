/* report_json.c - the report as JSON: one property a line, and one line for each element of lists.
 *
 * So `diff` and `git` show which experiment changed, and a run of hours is still one small file. */
#include <inttypes.h>

#include "audit/report.h"
#include "audit/report_words.h"

enum { FLAT = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(10) };

static void list_write(const json_t *list, FILE *to)
{
	size_t i, n = json_array_size(list);
	const json_t *each;

	fputs("[", to);
	json_array_foreach(list, i, each) {
		fputs("\n\t\t", to);
		json_dumpf(each, to, FLAT);
		fputs(i + 1 < n ? "," : "\n\t", to);
	}
	fputs("]", to);
}

static void json_write(const json_t *report, FILE *to)
{
	const char *key, *between = "{";
	json_t *value;

	json_object_foreach((json_t *)report, key, value) {
		fprintf(to, "%s\n\t\"%s\": ", between, key);
		if (json_is_array(value) && json_is_object(json_array_get(value, 0)))
			list_write(value, to);
		else
			json_dumpf(value, to, FLAT);
		between = ",";
	}
	fputs("\n}\n", to);
}

REPORT_FORMAT(json, .file = "audit.json", .help = "write the report as JSON to this file",
	.write = json_write)
