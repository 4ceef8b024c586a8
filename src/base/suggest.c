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

static bool separates(char c)
{
	return letter(c) == '-';
}

/* Where both begin to differ, back to the beginning of that part: 11 of client_tls_min and _max. */
static size_t common_parts(const char *a, const char *b)
{
	size_t n = 0;

	for (size_t i = 0; a[i] && b[i] && letter(a[i]) == letter(b[i]); i++)
		if (separates(a[i]) && a[i + 1] && b[i + 1])
			n = i + 1;
	return n;
}

static size_t letters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += isalpha((unsigned char)*text) != 0;
	return n;
}

/* Each letter, digit and the rest as often in one as in the other. */
static bool same_set(const char *a, const char *b, int (*is)(int))
{
	int count[256] = { 0 };

	for (; *a; a++)
		count[(unsigned char)letter(*a)]++;
	for (; *b; b++)
		count[(unsigned char)letter(*b)]--;
	for (int c = 0; c < 256; c++)
		if (count[c] && is(c))
			return false;
	return true;
}

/* 1.5 is no misspelt 1.2, and db3 no misspelt db2: where numbers matter, they are right. */
static bool other_number(const char *word, const char *name)
{
	enum { FEW = 5 };
	size_t n = letters(word), m = letters(name);

	return (n < m ? n : m) < FEW && !same_set(word, name, isdigit);
}

/* "dsa" is no misspelt "rsa", but "rsda" may be: in a short word the first letter is right. */
static bool other_word(const char *word, const char *name)
{
	return strlen(word) <= 3 && letter(*word) != letter(*name) &&
	       !same_set(word, name, isprint);
}

/* "behavior" is a part of "set-behavior", "cert" of "certificate"; "dsa" is none of "ecdsa". */
static bool part_of(const char *part, const char *whole)
{
	if (strlen(part) < 3)
		return false;
	for (const char *at = whole; (at = strcasestr(at, part)); at++)
		if (at == whole || !isalnum((unsigned char)at[-1]))
			return true;
	return false;
}

/* How far `name` is from `word`; NAME_LONGEST: too far. */
static size_t away(const char *word, const char *name)
{
	size_t n = strlen(word), m = strlen(name);

	if (!n || !m || n > NAME_LONGEST || m > NAME_LONGEST)
		return NAME_LONGEST;
	size_t common = common_parts(word, name);
	const char *a = word + common, *b = name + common;
	size_t d = distance(a, b), longer = n > m ? n : m, most = (longer - common) / 3;
	if (other_number(a, b))
		return NAME_LONGEST;
	if (d <= (most ? most : n > 1) && !other_word(a, b))
		return d;
	return part_of(word, name) || part_of(name, word) ? NAME_LONGEST / 2 : NAME_LONGEST;
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
