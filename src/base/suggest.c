/* suggest.c - the known name that is nearest to an unknown word, for "did you mean" in errors. */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { NAME_LONGEST = 64 };                 /* a longer word is not compared */

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
	size_t rows[3][NAME_LONGEST + 1], n = strlen(b);
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

/* How far `name` is from `word`; NAME_LONGEST: too far. */
static size_t away(const char *word, const char *name)
{
	size_t n = strlen(word), m = strlen(name);

	if (!n || !m || n > NAME_LONGEST || m > NAME_LONGEST)
		return NAME_LONGEST;
	size_t d = distance(word, name), most = (n > m ? n : m) / 3;
	if (d <= (most ? most : n > 1))
		return d;
	if ((n >= 3 && strcasestr(name, word)) || (m >= 3 && strcasestr(word, name)))
		return NAME_LONGEST / 2;            /* one is a part of the other */
	return NAME_LONGEST;
}

void suggest_try(struct suggestion *s, const char *name)
{
	size_t d = away(s->word, name);

	if (d == NAME_LONGEST || (s->name && d >= s->away))
		return;
	s->name = name;
	s->away = d;
}

const char *suggest_show(const struct suggestion *s, const char *dashes, char buffer[SUGGEST_MAX])
{
	buffer[0] = '\0';
	if (s->name)
		snprintf(buffer, SUGGEST_MAX, "; did you mean '%s%s'?", dashes, s->name);
	return buffer;
}
