/* suggest.c - what a misspelt word may have meant, and lists of what there is. */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

enum { NAME_MOST = 64 };                /* a longer word is nobody's misspelling */
enum { SHOWN_MOST = 100 };              /* names of a list */

static int letter(char c)
{
	return c == '_' || c == ' ' ? '-' : tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, leave out or replace, and neighbours to exchange, until `a` is `b`. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][NAME_MOST + 1], n = strlen(b);
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= n; j++)
		above[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			bool same = letter(a[i - 1]) == letter(b[j - 1]);
			row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2])
			 && letter(a[i - 2]) == letter(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[n];
}

/* How far `name` is from `word`; from NAME_MOST on, too far. */
static size_t away(const char *word, const char *name)
{
	size_t n = strlen(word), m = strlen(name);

	if (!n || !m || n > NAME_MOST || m > NAME_MOST)
		return NAME_MOST;
	size_t d = distance(word, name), most = (n > m ? n : m) / 3;
	if (d <= (most ? most : n > 1))
		return d;
	if ((n >= 3 && strcasestr(name, word)) || (m >= 3 && strcasestr(word, name)))
		return NAME_MOST / 2;           /* the one is a part of the other */
	return NAME_MOST;
}

const char *nearest(const char *word, const json_t *names)
{
	size_t i, best = NAME_MOST;
	const char *found = NULL;
	const json_t *name;

	json_array_foreach(names, i, name) {
		const char *text = json_string_value(name);
		size_t d = text ? away(word, text) : NAME_MOST;
		if (d < best) {
			best = d;
			found = text;
		}
	}
	return found;
}

json_t *choices_of(const char *sentence)
{
	static const char begin[] = "expected one of ";
	const char *at = strstr(sentence, begin);
	json_t *all = at ? json_array() : NULL;

	for (at = at ? at + sizeof begin - 1 : ""; *at;) {
		size_t n = strcspn(at, " ,;.");
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
