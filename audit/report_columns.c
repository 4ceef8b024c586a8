/* report_columns.c - columns of text on a terminal; each is wrapped within its width. */
#include "audit/report_columns.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static bool starts_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

unsigned columns_width(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += starts_character(*text);
	return n;
}

/* The number of bytes of the first `width` characters at most. */
static size_t fitting(const char *text, unsigned width)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (starts_character(text[n]) && width-- == 0)
			break;
	return n;
}

/* The number of bytes of the next line: all that fits, else up to the last semicolon of its second
 * half, else up to the last space, else as much as fits. */
static size_t line_length(const char *text, unsigned width)
{
	size_t fits = fitting(text, width), space = 0, semicolon = 0;

	if (!text[fits])
		return fits;
	for (size_t i = 1; i <= fits; i++)
		if (text[i] == ' ') {
			space = i;
			if (text[i - 1] == ';')
				semicolon = i;
		}
	return semicolon > fits / 2 ? semicolon : space ? space : fits;
}

/* Writes a line of the column, and moves behind it. Returns the characters written. */
static unsigned line_print(FILE *to, const struct column *c, const char **at)
{
	size_t n = line_length(*at, c->width);
	unsigned width = 0;

	if (n && c->colour)
		fputs(c->colour, to);
	for (size_t i = 0; i < n; i++) {
		width += starts_character((*at)[i]);
		putc((*at)[i], to);
	}
	if (n && c->colour)
		fputs("\033[0m", to);
	*at += n;
	while (**at == ' ')
		++*at;
	return width;
}

void columns_print(FILE *to, const struct column *columns, unsigned n)
{
	char *texts[COLUMNS_MAX];
	const char *at[COLUMNS_MAX];
	bool more = true;

	assert(n <= COLUMNS_MAX);
	for (unsigned i = 0; i < n; i++) {
		at[i] = texts[i] = xstrdup(columns[i].text);
		text_clean(texts[i], strlen(texts[i]));
	}
	while (more) {
		unsigned written = 0;

		more = false;
		for (unsigned i = 0; i < n; i++) {
			if (!*at[i])
				continue;
			for (; written < columns[i].at; written++)
				putc(' ', to);
			written += line_print(to, &columns[i], &at[i]);
			more |= *at[i] != 0;
		}
		putc('\n', to);
	}
	for (unsigned i = 0; i < n; i++)
		free(texts[i]);
}
