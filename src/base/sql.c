/* sql.c - what a statement does, as far as its first words tell; for every protocol that speaks SQL. */
#include "vaurien.h"

#include <string.h>
#include <strings.h>

static bool is_letter(uint8_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* The next word of a statement; *s is behind it then. */
static struct span word_next(const struct sql *sql, struct span *s)
{
	size_t n = 0;

	while (s->n) {
		size_t skip = s->p[0] <= ' ' || s->p[0] == '(' || s->p[0] == ';' ? 1 : sql->comment(*s);
		if (!skip)
			break;
		*s = (struct span){ s->p + skip, s->n - skip };
	}
	while (n < s->n && is_letter(s->p[n]))
		n++;
	struct span word = { s->p, n };
	*s = (struct span){ s->p + n, s->n - n };
	return word;
}

static bool word_is(struct span word, const char *name)
{
	return word.n == strlen(name) && !strncasecmp((const char *)word.p, name, word.n);
}

const struct sql_keyword *sql_find(const struct sql *sql, struct span text)
{
	struct span first, second;

	if (!text.n)
		return NULL;
	first = word_next(sql, &text);
	second = word_next(sql, &text);
	for (const struct sql_keyword *k = sql->keywords; k->word; k++)
		if (word_is(first, k->word) && (!k->then || word_is(second, k->then)))
			return k;
	return NULL;
}
