/* suggest.c - what a misspelt word may have meant, and lists of what there is. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "call.h"

enum { SHOWN_MOST = 100 };              /* names of a list */

const char *nearest(const char *word, const json_t *names)
{
	struct suggestion s = { .word = word };
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (json_is_string(name))
			suggest_try(&s, json_string_value(name));
	return s.name;
}

json_t *choices_of(const char *sentence)
{
	static const char begin[] = "expected one of ";
	const char *at = strstr(sentence, begin);
	json_t *all = at ? json_array() : NULL;

	for (at = at ? at + sizeof begin - 1 : ""; *at;) {
		size_t n = strcspn(at, " ,;.");
		if (!strncmp(at, "and ", 4))    /* "and 12 more" */
			break;
		if (n)
			json_array_append_new(all, json_stringn(at, n));
		at += n;
		if (strncmp(at, ", ", 2))
			break;
		at += 2;
	}
	return all;
}

char *names_join(const json_t *names, const char *last)
{
	size_t size, i, n = json_array_size(names);
	const json_t *name;
	char *text;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	json_array_foreach(names, i, name) {
		if (i == SHOWN_MOST) {
			fprintf(out, " and %zu more", n - i);
			break;
		}
		char *shown = json_is_string(name) ? value_show(name) : strdup("?");
		assert(shown);
		fputs(!i ? "" : last && i + 1 == n ? last : ", ", out);
		fprintf(out, "%.200s", shown);
		free(shown);
	}
	fclose(out);
	return text;
}
