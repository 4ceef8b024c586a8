/* text.c - text helpers: error sentences, safe printing, UTF-8, words of a line. */
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

/* The text was truncated at `n`. Removes the beginning of an incomplete UTF-8 character. */
static void text_trim(char *text, size_t n)
{
	size_t start = n;
	while (start && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start && (unsigned char)text[start - 1] >= 0xc0)
		text[start - 1] = '\0';
}

void error_format(char error[ERROR_MAX], const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(error, ERROR_MAX, format, args);
	va_end(args);
	if (n >= ERROR_MAX)
		text_trim(error, ERROR_MAX - 1);
}

const char *text_printable(const char *text, char *buffer, size_t size)
{
	size_t n = 0;
	for (; text[n] && n + 1 < size; n++)
		buffer[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
	buffer[n] = '\0';
	if (text[n]) {
		static const char dots[] = "...";
		if (n > sizeof dots)
			buffer[n -= sizeof dots - 1] = '\0';
		text_trim(buffer, n);
		if (size > 2 * sizeof dots)
			strcat(buffer, dots);
	}
	return buffer;
}

size_t utf8_length(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = *p < 0x80               ? *p != 0 :
	           *p >= 0xc2 && *p < 0xe0 ? 2 :
	           *p >= 0xe0 && *p < 0xf0 ? 3 :
	           *p >= 0xf0 && *p < 0xf5 ? 4 :
	                                     0;

	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

void text_add(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	size_t n = strlen(buffer);
	va_start(args, format);
	vsnprintf(buffer + n, size - n, format, args);
	va_end(args);
}

enum { TAIL = 56 };                     /* room for ", and 12 more; see ..." */

void name_list_add(struct name_list *list, const char *name)
{
	size_t n = strlen(list->text);

	if (list->left || n + strlen(name) + TAIL > list->size)
		list->left++;
	else
		text_add(list->text, list->size, "%s%s", n ? ", " : "", name);
}

void name_list_end(struct name_list *list, const char *see)
{
	if (list->left)
		text_add(list->text, list->size, "%sand %u more; see %s", *list->text ? ", " : "",
		         list->left, see);
}

char *word_next(const char **at, char error[ERROR_MAX])
{
	const char *p = *at;
	char quote = 0, *word, *to;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return NULL;
	to = word = xmalloc(strlen(p) + 1);
	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (*p == '\\' && quote == '"' && (p[1] == '"' || p[1] == '\\'))
			*to++ = *++p;
		else if (*p == quote)
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else
			*to++ = *p;
	}
	*to = 0;
	*at = p;
	if (!quote)
		return word;
	error_format(error, "expected a closing %c", quote);
	free(word);
	return NULL;
}

bool text_to_bool(const char *text, bool *value)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "true", true }, { "false", false }, { "yes", true }, { "no", false },
		{ "on", true },   { "off", false },   { "y", true },   { "n", false },
		{ "1", true },    { "0", false },
	};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcasecmp(text, words[i].word)) {
			*value = words[i].value;
			return true;
		}
	return false;
}

static bool is_control(const unsigned char *p, size_t length)
{
	return (length == 1 && (*p < 0x20 || *p == 0x7f)) ||
	       (length == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

void text_clean(char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		char at[5] = "";
		memcpy(at, text + i, n - i < 4 ? n - i : 4);
		size_t length = at[0] ? utf8_length(at) : 1;
		bool bad = !length || is_control((unsigned char *)at, length);
		if (!length)
			length = 1;
		if (bad)
			memset(text + i, '?', length);
		i += length;
	}
}
