/* reply.c - what a server answers, and how much of it is read: it may be anybody's. */
#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

/* An answer has 5 MB at 10000 connections, the most that vaurien lists by default. */
enum { TEXT_MOST = 16 << 20, HEADERS_MOST = 64 << 10, ROWS_MOST = 100000 };
enum { JSON_MOST = 256 << 20 };         /* bytes of memory for all JSON values at a time */

/* ---- memory ---- */

static size_t json_bytes;

static void *json_take(size_t n)
{
	void *p = json_bytes < JSON_MOST ? malloc(n) : NULL;

	if (p)
		json_bytes += malloc_usable_size(p);
	return p;
}

static void json_give(void *p)
{
	if (p)
		json_bytes -= malloc_usable_size(p);
	free(p);
}

void memory_bound(void)
{
	json_set_alloc_funcs(json_take, json_give);
}

/* ---- reading ---- */

size_t reply_take(char *bytes, size_t size, size_t n, void *reply)
{
	struct reply *r = reply;

	if (size * n > TEXT_MOST - r->n) {
		r->broken = "the answer is longer than 16 MiB";
		return 0;
	}
	if (r->n + size * n >= r->room) {
		r->room = 2 * (r->n + size * n) + 1;
		r->text = realloc(r->text, r->room);
		assert(r->text);
	}
	memcpy(r->text + r->n, bytes, size * n);
	r->n += size * n;
	r->text[r->n] = 0;
	return size * n;
}

size_t reply_header(char *bytes, size_t size, size_t n, void *reply)
{
	struct reply *r = reply;

	r->headers += size * n;
	if (r->headers <= HEADERS_MOST)
		return size * n;
	r->broken = "the answer's headers are longer than 64 KiB";
	return 0;
}

void reply_parse(struct reply *r)
{
	const char *text = r->text ? r->text : "";

	screen_distrust(text, r->n);
	r->body = json_loadb(text, r->n, 0, NULL);
}

void reply_free(struct reply *r)
{
	json_decref(r->body);
	free(r->text);
}

/* ---- what it says ---- */

const char *reply_error(const struct reply *r, const char **name)
{
	const json_t *error = json_array_get(json_object_get(r->body, "errors"), 0);
	const char *text = json_string_value(json_object_get(error, "description"));

	*name = json_string_value(json_object_get(error, "name"));
	bool toxiproxy = json_object_size(r->body) == 2 || json_object_get(r->body, "proxies");
	if (!text && toxiproxy && json_object_get(r->body, "status"))
		text = json_string_value(json_object_get(r->body, "error"));
	if (!text && json_object_get(r->body, "code") && json_object_get(r->body, "title"))
		text = json_string_value(json_object_get(r->body, "message"));
	return text;
}

json_t *reply_rows(const json_t *body, const char *key)
{
	json_t *rows = json_object_get(body, key);
	const json_t *row;
	size_t i;

	if (!json_is_array(rows) || json_array_size(rows) > ROWS_MOST)
		return NULL;
	json_array_foreach(rows, i, row)
		if (!json_is_object(row))
			return NULL;
	return rows;
}
