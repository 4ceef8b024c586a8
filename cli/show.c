/* show.c - what is said: tables on a terminal, lines with tabs for programs, sentences for what went wrong. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call.h"

/* ---- values ---- */

json_t *value_parse(const json_t *text)
{
	json_t *value = json_is_string(text) ? json_loads(json_string_value(text), JSON_DECODE_ANY, NULL) : json_incref((json_t *)text);

	if (json_is_number(value) || json_is_boolean(value))
		return value;
	json_decref(value);
	return json_incref((json_t *)text);
}

char *value_show(const json_t *value)
{
	char *text = !value || json_is_null(value) ? strdup("-") : json_is_string(value) ? strdup(json_string_value(value)) :
	             json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | JSON_SORT_KEYS);

	assert(text);
	for (char *p = text; *p; p++)           /* nothing that would break a line, or move a cursor */
		if ((unsigned char)*p < 32 || *p == 127)
			*p = '?';
	return text;
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
		if (!json_is_null(value))
			fprintf(out, "%s%s=%s", ftell(out) ? " " : "", key, shown);
		free(shown);
	}
	fclose(out);
	json_t *made = json_string(text);
	free(text);
	return made;
}

void json_show(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
}

/* ---- tables ---- */

bool on_terminal(void)
{
	return isatty(STDOUT_FILENO);
}

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
	return most;
}

static void cell_show(const struct column *c, const char *text, int room)
{
	bool last = !c[1].key;

	fputs(text, stdout);
	printf("%*s", last ? 0 : room - width(text) + 2, "");
}

static void row_show(const struct column *columns, const json_t *row, const int *rooms)
{
	for (const struct column *c = columns; c->key; c++) {
		char *text = value_show(json_object_get(row, c->key));
		if (rooms)
			cell_show(c, text, rooms[c - columns]);
		else
			printf("%s%s", c == columns ? "" : "\t", text);
		free(text);
	}
	putchar('\n');
}

void table_show(const struct column *columns, const json_t *rows, const char *none)
{
	enum { MOST = 16 };
	bool terminal = on_terminal();
	const json_t *row;
	int rooms[MOST];
	size_t i;

	if (terminal && !json_array_size(rows)) {
		puts(none);
		return;
	}
	for (const struct column *c = columns; terminal && c->key; c++) {
		assert(c - columns < MOST);
		rooms[c - columns] = column_width(c, rows);
		cell_show(c, c->title, rooms[c - columns]);
	}
	if (terminal)
		putchar('\n');
	json_array_foreach(rows, i, row)
		row_show(columns, row, terminal ? rooms : NULL);
}

/* ---- what went wrong ---- */

int fail(const char *why)
{
	fprintf(stderr, "The request failed. %s\n", why);
	return FAILED;
}

const char *reply_error(const struct reply *r, const char **name)
{
	const json_t *error = json_array_get(json_object_get(r->body, "errors"), 0);
	const char *text = json_string_value(json_object_get(error, "description"));

	*name = json_string_value(json_object_get(error, "name"));
	text = text ? text : json_string_value(json_object_get(r->body, "error"));      /* of the paths that are Toxiproxy's too */
	return text ? text : json_string_value(json_object_get(r->body, "message"));
}

int fail_reply(const struct reply *r)
{
	char status[64];
	const char *name, *text = reply_error(r, &name);

	snprintf(status, sizeof status, "The server answered with HTTP status %ld.", r->status);
	return fail(text ? text : status);
}
