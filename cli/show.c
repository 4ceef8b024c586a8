/* show.c - values and tables: columns on a terminal, lines with tabs for programs. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* ---- values ---- */

json_t *value_parse(const json_t *text)
{
	json_t *value = json_is_string(text)
	                        ? json_loads(json_string_value(text), JSON_DECODE_ANY, NULL)
	                        : json_incref((json_t *)text);

	if (json_is_number(value) || json_is_boolean(value))
		return value;
	json_decref(value);
	return json_incref((json_t *)text);
}

/* Nothing in it that would break a line or a cell. */
static void flatten(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 32 || *text == 127)
			*text = '?';
}

char *line_make(const char *text)
{
	char *line = strdup(text);

	assert(line);
	flatten(line);
	return line;
}

char *value_show(const json_t *value)
{
	char *text = !value || json_is_null(value) ? strdup("-")
	           : json_is_string(value) ? strdup(json_string_value(value))
	           : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | JSON_SORT_KEYS);

	if (!text)
		text = strdup("?");     /* more than the memory for JSON has room for */
	assert(text);
	flatten(text);
	return text;
}

const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

json_t *pairs_make(const json_t *object)
{
	char *text;
	size_t size;
	const char *key;
	json_t *value;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	json_object_foreach((json_t *)object, key, value) {
		char *shown = value_show(value);
		char *name = line_make(key);
		if (!json_is_null(value))
			fprintf(out, "%s%s=%s", ftell(out) ? " " : "", name, shown);
		free(name);
		free(shown);
	}
	fclose(out);
	json_t *made = json_string(text);
	free(text);
	return made;
}

/* Of a number what its writer wrote: 2, not 2.0. */
static char *number_typed(const json_t *value)
{
	if (json_is_integer(value))
		return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return xasprintf("%.15g", json_real_value(value));
}

/* As a shell takes it. */
static void word_print(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789_.,:/@%+=-";

	if (*text && strspn(text, plain) == strlen(text)) {
		fputs(text, out);
		return;
	}
	putc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, 0 }, out);
	putc('\'', out);
}

char *options_show(const json_t *options)
{
	char *text;
	size_t size;
	const char *key;
	json_t *value;
	FILE *out = open_memstream(&text, &size);

	assert(out);
	json_object_foreach((json_t *)options, key, value) {
		if (json_is_null(value))
			continue;
		char *shown = json_is_number(value) ? number_typed(value) : value_show(value);
		char *name = line_make(key);
		for (char *p = name; *p; p++)
			*p = *p == '_' ? '-' : *p;
		fprintf(out, "%s--%s%c", ftell(out) ? " " : "", name,
		        json_is_boolean(value) || *shown == '-' ? '=' : ' ');
		word_print(out, shown);
		free(name);
		free(shown);
	}
	fclose(out);
	return text;
}

/* ---- tables ---- */

enum {
	COLUMNS_MOST = 16,
	ROOM_MOST = 80,                 /* characters; what is longer stands out of its column */
	LAST_LEAST = 24,                /* of the last column, which is broken into lines */
	FOLD_INDENT = 4, GAP = 2,
};

bool headings = true;

/* Characters, not bytes of UTF-8. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static int column_width(const struct column *c, const json_t *rows)
{
	int most = width(c->title);
	const json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) {
		char *text = value_show(json_object_get(row, c->key));
		most = width(text) > most ? width(text) : most;
		free(text);
	}
	return most < ROOM_MOST ? most : ROOM_MOST;
}

/* Where columns stand on a terminal. One that has no room there begins a new line. */
struct layout {
	int room[COLUMNS_MOST], at[COLUMNS_MOST];       /* characters */
	bool folds[COLUMNS_MOST];
	int screen;                                     /* characters of a line; 0: not known */
};

static void layout_make(struct layout *l, const struct column *columns, const json_t *rows)
{
	int x = 0;

	*l = (struct layout){ .screen = screen_columns() };
	for (const struct column *c = columns; c->key; c++) {
		size_t i = (size_t)(c - columns);
		int least = c[1].key ? ROOM_MOST : LAST_LEAST;
		assert(i < COLUMNS_MOST);
		l->room[i] = column_width(c, rows);
		least = l->room[i] < least ? l->room[i] : least;
		l->folds[i] = i && l->screen && x + least > l->screen;
		l->at[i] = l->folds[i] ? FOLD_INDENT : x;
		x = l->at[i] + l->room[i] + GAP;
	}
}

/* Its last column goes on in lines of its own, broken at blanks if there are any. */
static void last_show(const char *text, int at, int screen)
{
	int room = screen - at;

	while (screen && room >= LAST_LEAST && width(text) > room) {
		const char *end = text, *blank = NULL;
		for (int n = 0; n < room; n += ((unsigned char)*++end & 0xc0) != 0x80)
			blank = *end == ' ' ? end : blank;
		end = *end == ' ' || !blank ? end : blank;
		printf("%.*s\n%*s", (int)(end - text), text, at, "");
		text = end + (*end == ' ');
	}
	fputs(text, stdout);
}

static void cell_show(const struct column *c, const char *text, const struct layout *l, size_t i)
{
	int gap = l->room[i] - width(text);

	if (!c[1].key)
		last_show(text, l->at[i], l->screen);
	else
		printf("%s%*s", text, l->folds[i + 1] ? 0 : (gap > 0 ? gap : 0) + GAP, "");
}

/* What catches the eye: what is off, and what has struck. */
static enum style style_of(const struct column *c, const char *text)
{
	static const struct { const char *key, *text; enum style style; } all[] = {
		{ "enabled", "enabled", GOOD }, { "enabled", "disabled", BAD },
		{ "state", "up", GOOD }, { "state", "down", BAD }, { "state", "off", BAD },
		{ "state", "raw", WARM },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (!strcmp(all[i].key, c->key) && !strcmp(all[i].text, text))
			return all[i].style;
	if (!strcmp(text, "0") || !strcmp(text, "-"))
		return PLAIN;
	return !strcmp(c->key, "hits") ? WARM : !strcmp(c->key, "unreachable") ? BAD : PLAIN;
}

static void cell_show_styled(const struct column *c, const char *text, const struct layout *l,
                             size_t i)
{
	enum style style = style_of(c, text);

	if (l->folds[i])
		printf("\n%*s", FOLD_INDENT, "");
	if (style != PLAIN)
		screen_style(style);
	cell_show(c, text, l, i);
	if (style != PLAIN)
		screen_style(PLAIN);
}

static void row_show(const struct column *columns, const json_t *row,
                     const struct layout *l)
{
	for (const struct column *c = columns; c->key; c++) {
		char *text = value_show(json_object_get(row, c->key));
		if (l)
			cell_show_styled(c, text, l, (size_t)(c - columns));
		else
			printf("%s%s", c == columns ? "" : "\t", text);
		free(text);
	}
	putchar('\n');
}

static void headings_show(const struct column *columns, const struct layout *l)
{
	screen_style(HEADING);
	for (const struct column *c = columns; c->key; c++) {
		size_t i = (size_t)(c - columns);
		if (l && l->folds[i])
			printf("\n%*s", FOLD_INDENT, "");
		if (l)
			cell_show(c, c->title, l, i);
		else
			printf("%s%s", i ? "\t" : "", c->title);
	}
	screen_style(PLAIN);
	putchar('\n');
}

static void show(const struct column *columns, const json_t *rows, const char *none, bool headed)
{
	bool terminal = on_terminal();
	struct layout layout, *l = terminal ? &layout : NULL;
	const json_t *row;
	size_t i;

	if (!json_array_size(rows) && (terminal || !headed)) {
		fprintf(terminal ? stdout : stderr, "%s\n", none);
		return;
	}
	if (terminal)
		layout_make(l, columns, rows);
	if (headed && headings)
		headings_show(columns, l);
	json_array_foreach(rows, i, row)
		row_show(columns, row, l);
}

void table_show(const struct column *columns, const json_t *rows, const char *none)
{
	show(columns, rows, none, true);
}

void table_bare(const struct column *columns, const json_t *rows, const char *none)
{
	show(columns, rows, none, on_terminal());
}
