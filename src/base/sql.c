/* sql.c - what a statement does, as far as its first words tell; for every protocol that speaks SQL. */
#include "vaurien.h"

#include <string.h>
#include <strings.h>

static bool is_letter(uint8_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* The next word of a statement; *s is behind it then. */
static struct vn_span word_next(const struct vn_sql *sql, struct vn_span *s)
{
	size_t n = 0;

	while (s->n) {
		size_t skip = s->p[0] <= ' ' || s->p[0] == '(' || s->p[0] == ';' ? 1 : sql->comment(*s);
		if (!skip)
			break;
		*s = (struct vn_span){ s->p + skip, s->n - skip };
	}
	while (n < s->n && is_letter(s->p[n]))
		n++;
	struct vn_span word = { s->p, n };
	*s = (struct vn_span){ s->p + n, s->n - n };
	return word;
}

static bool word_is(struct vn_span word, const char *name)
{
	return word.n == strlen(name) && !strncasecmp((const char *)word.p, name, word.n);
}

uint16_t vn_sql_lead(struct vn_span text, size_t (*comment)(struct vn_span))
{
	size_t at = 0, skip = 1;

	while (at < text.n && skip) {
		skip = text.p[at] <= ' ' ? 1 : comment((struct vn_span){ text.p + at, text.n - at });
		at += skip;
	}
	return at < UINT16_MAX ? (uint16_t)at : UINT16_MAX;
}

const struct vn_sql_keyword *vn_sql_find(const struct vn_sql *sql, struct vn_span text)
{
	struct vn_span first, second;

	if (!text.n)
		return NULL;
	first = word_next(sql, &text);
	second = word_next(sql, &text);
	for (const struct vn_sql_keyword *k = sql->keywords; k->word; k++)
		if (word_is(first, k->word) && (!k->then || word_is(second, k->then)))
			return k;
	return NULL;
}
