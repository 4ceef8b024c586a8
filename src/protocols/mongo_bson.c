/* mongo_bson.c - BSON, read from a view that may end anywhere, and written within bounds. */
#include "protocols/mongo_bson.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 5, DEEPEST = 32 };       /* bytes of a document; documents inside one another */

/* ---- numbers ---- */

uint32_t bson_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int64_t bson_i64(const uint8_t *p)
{
	return (int64_t)(bson_u32(p) | (uint64_t)bson_u32(p + 4) << 32);
}

static double double_of(const uint8_t *p)
{
	int64_t bits = bson_i64(p);
	double d;

	memcpy(&d, &bits, sizeof d);
	return d;
}

/* ---- walking ---- */

enum bson_step bson_begin(struct bson_walk *w, struct vn_span view, size_t room)
{
	if (room < LEAST)
		return BSON_BROKEN;
	if (view.n < 4)
		return BSON_SHORT;
	size_t n = bson_u32(view.p);
	if (n < LEAST || n > room)
		return BSON_BROKEN;
	w->view = view;
	w->at = 4;
	w->end = n - 1;
	return BSON_ITEM;
}

/* How a value of this type says how long it is: so many bytes; `counted` by its first four, which
 * count more than these by `besides`; or `texts` that end with a 0. */
static const struct size { uint8_t fixed, counted, besides, texts; } sizes[256] = {
	[BSON_DOUBLE] = { .fixed = 8 },
	[BSON_STRING] = { .counted = 1, .besides = 4 },
	[BSON_DOCUMENT] = { .counted = LEAST },
	[BSON_ARRAY] = { .counted = LEAST },
	[BSON_BINARY] = { .counted = 1, .besides = 5 },
	[BSON_OID] = { .fixed = 12 },
	[BSON_BOOL] = { .fixed = 1 },
	[BSON_DATE] = { .fixed = 8 },
	[BSON_REGEX] = { .texts = 2 },
	[BSON_POINTER] = { .counted = 1, .besides = 16 },
	[BSON_CODE] = { .counted = 1, .besides = 4 },
	[BSON_SYMBOL] = { .counted = 1, .besides = 4 },
	[BSON_SCOPED] = { .counted = LEAST },
	[BSON_INT32] = { .fixed = 4 },
	[BSON_TIMESTAMP] = { .fixed = 8 },
	[BSON_INT64] = { .fixed = 8 },
	[BSON_DECIMAL] = { .fixed = 16 },
};

static bool type_is_known(uint8_t type)
{
	return (type >= BSON_DOUBLE && type <= BSON_DECIMAL) || type == BSON_MAX ||
	       type == BSON_MIN;
}

/* A text with a 0 at its end, from w->view.p + from on. */
static enum bson_step text_end(const struct bson_walk *w, size_t from, size_t *end)
{
	size_t seen = w->view.n < w->end ? w->view.n : w->end;
	const uint8_t *nul = from < seen ? memchr(w->view.p + from, 0, seen - from) : NULL;

	if (!nul)
		return w->view.n < w->end ? BSON_SHORT : BSON_BROKEN;
	*end = (size_t)(nul - w->view.p) + 1;
	return BSON_ITEM;
}

/* Where the value that begins at `from` ends: within the document, but perhaps not in the view. */
static enum bson_step value_end(const struct bson_walk *w, uint8_t type, size_t from, size_t *end)
{
	const struct size *s = &sizes[type];
	enum bson_step step = BSON_ITEM;

	*end = from + s->fixed;
	if (s->counted) {
		if (w->end - from < 4)
			return BSON_BROKEN;
		if (w->view.n < from + 4)
			return BSON_SHORT;
		uint64_t n = bson_u32(w->view.p + from);
		if (n + s->besides > w->end - from || (n < s->counted && type != BSON_BINARY))
			return BSON_BROKEN;
		*end = from + (size_t)n + s->besides;
	}
	for (unsigned i = 0; i < s->texts && step == BSON_ITEM; i++)
		step = text_end(w, *end, end);
	return *end > w->end ? BSON_BROKEN : step;
}

enum bson_step bson_next(struct bson_walk *w, struct bson_item *i)
{
	size_t at = w->at, name, end = 0;

	if (at >= w->view.n)
		return BSON_SHORT;
	if (at == w->end)
		return w->view.p[at] ? BSON_BROKEN : BSON_OVER;
	i->type = w->view.p[at];
	if (!type_is_known(i->type))
		return BSON_BROKEN;
	enum bson_step step = text_end(w, at + 1, &name);
	if (step == BSON_ITEM)
		step = value_end(w, i->type, name, &end);
	if (step != BSON_ITEM)
		return step;
	if (end > w->view.n)
		return BSON_SHORT;
	i->name = (struct vn_span){ w->view.p + at + 1, name - at - 2 };
	i->value = (struct vn_span){ w->view.p + name, end - name };
	i->all = (struct vn_span){ w->view.p + at, end - at };
	w->at = end;
	return BSON_ITEM;
}

bool bson_inside(struct bson_walk *w, uint8_t type, struct vn_span value)
{
	return (type == BSON_DOCUMENT || type == BSON_ARRAY) &&
	       bson_begin(w, value, value.n) == BSON_ITEM && bson_length(w) == value.n;
}

bool bson_named(const struct bson_item *i, const char *name)
{
	size_t n = strlen(name);

	return i->name.n == n && !memcmp(i->name.p, name, n);
}

struct vn_span bson_text(uint8_t type, struct vn_span value)
{
	if (type != BSON_STRING || value.n < 5 || value.p[value.n - 1])
		return (struct vn_span){ 0 };
	return (struct vn_span){ value.p + 4, value.n - 5 };
}

bool bson_number(uint8_t type, struct vn_span value, int64_t *n)
{
	switch (type) {
	case BSON_BOOL: *n = value.p[0] != 0; return true;
	case BSON_INT32: *n = (int32_t)bson_u32(value.p); return true;
	case BSON_INT64: *n = bson_i64(value.p); return true;
	case BSON_DOUBLE: {
		double d = double_of(value.p);
		*n = d > -9e18 && d < 9e18 ? (int64_t)d : 0;
		return true;
	}
	default: return false;
	}
}

/* ---- as JSON ---- */

struct json { char *p; size_t n, room; };

static void json_put(struct json *j, const char *text, size_t n)
{
	if (n > j->room - j->n)
		n = j->room - j->n;
	memcpy(j->p + j->n, text, n);
	j->n += n;
}

static void json_say(struct json *j, const char *text)
{
	json_put(j, text, strlen(text));
}

static void json_quote(struct json *j, struct vn_span text)
{
	static const char digits[] = "0123456789abcdef";

	json_say(j, "\"");
	for (size_t i = 0; i < text.n && j->n < j->room; i++) {
		uint8_t c = text.p[i];
		if (c == '"' || c == '\\')
			json_put(j, (const char[]){ '\\', (char)c }, 2);
		else if (c < 0x20)
			json_put(j, (const char[]){ '\\', 'u', '0', '0', digits[c >> 4],
			                            digits[c & 15] }, 6);
		else
			json_put(j, (const char *)&text.p[i], 1);
	}
	json_say(j, "\"");
}

static void json_hex(struct json *j, struct vn_span bytes)
{
	char pair[3];

	json_say(j, "\"");
	for (size_t i = 0; i < bytes.n && j->n < j->room; i++) {
		snprintf(pair, sizeof pair, "%02x", bytes.p[i]);
		json_put(j, pair, 2);
	}
	json_say(j, "\"");
}

/* The shortest digits that are this number again. */
static void json_double(struct json *j, double d)
{
	char text[32];

	if (!isfinite(d)) {
		json_say(j, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	json_say(j, text);
	if (!strpbrk(text, ".en"))
		json_say(j, ".0");
}

static void json_long(struct json *j, int64_t n)
{
	char text[24];

	json_put(j, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n));
}

static void json_value(struct json *, uint8_t type, struct vn_span value, unsigned depth);

/* {"a":1} or [1]. The depth is bounded, and so is the room, which each element takes some of. */
static void json_inside(struct json *j, uint8_t type, struct vn_span value, unsigned depth)
{
	bool array = type == BSON_ARRAY;
	const char *gap = "";
	struct bson_walk w;
	struct bson_item i;

	json_say(j, array ? "[" : "{");
	if (bson_inside(&w, type, value) && depth < DEEPEST)
		for (; j->n < j->room && bson_next(&w, &i) == BSON_ITEM; gap = ",") {
			json_say(j, gap);
			if (!array) {
				json_quote(j, i.name);
				json_say(j, ":");
			}
			json_value(j, i.type, i.value, depth + 1);
		}
	json_say(j, array ? "]" : "}");
}

/* Types that JSON has not, as MongoDB's extended JSON has them; but bytes are in hex. */
static void json_extended(struct json *j, uint8_t type, struct vn_span value)
{
	static const char *const names[256] = {
		[BSON_BINARY] = "$binary", [BSON_OID] = "$oid", [BSON_DATE] = "$date",
		[BSON_REGEX] = "$regex", [BSON_POINTER] = "$dbPointer", [BSON_CODE] = "$code",
		[BSON_SYMBOL] = "$symbol", [BSON_SCOPED] = "$code", [BSON_TIMESTAMP] = "$timestamp",
		[BSON_DECIMAL] = "$decimal", [BSON_UNDEFINED] = "$undefined",
		[BSON_MAX] = "$maxKey", [BSON_MIN] = "$minKey",
	};

	json_say(j, "{\"");
	json_say(j, names[type] ? names[type] : "$unknown");
	json_say(j, "\":");
	if (type == BSON_DATE || type == BSON_TIMESTAMP)
		json_long(j, bson_i64(value.p));
	else if (type == BSON_REGEX)
		json_quote(j, (struct vn_span){ value.p, strnlen((const char *)value.p, value.n) });
	else if (type == BSON_CODE || type == BSON_SYMBOL)
		json_quote(j, bson_text(BSON_STRING, value));
	else if (type == BSON_BINARY)
		json_hex(j, (struct vn_span){ value.p + 5, value.n - 5 });
	else if (value.n)
		json_hex(j, value);
	else
		json_say(j, "1");
	json_say(j, "}");
}

static void json_value(struct json *j, uint8_t type, struct vn_span value, unsigned depth)
{
	switch (type) {
	case BSON_DOUBLE: json_double(j, double_of(value.p)); break;
	case BSON_STRING: json_quote(j, bson_text(type, value)); break;
	case BSON_DOCUMENT:
	case BSON_ARRAY: json_inside(j, type, value, depth); break;
	case BSON_BOOL: json_say(j, value.p[0] ? "true" : "false"); break;
	case BSON_NULL: json_say(j, "null"); break;
	case BSON_INT32: json_long(j, (int32_t)bson_u32(value.p)); break;
	case BSON_INT64: json_long(j, bson_i64(value.p)); break;
	default: json_extended(j, type, value);
	}
}

size_t bson_json(char *to, size_t room, uint8_t type, struct vn_span value)
{
	struct json j = { to, 0, room };

	json_value(&j, type, value, 0);
	return j.n;
}

/* ---- writing ---- */

void bson_put(struct bson_out *o, const void *bytes, size_t n)
{
	if (n > o->room - o->n) {
		o->full = true;
		return;
	}
	if (n)
		memcpy(o->p + o->n, bytes, n);
	o->n += n;
}

static void u32_set(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

void bson_put_u32(struct bson_out *o, uint32_t v)
{
	uint8_t bytes[4];

	u32_set(bytes, v);
	bson_put(o, bytes, 4);
}

void bson_patch_u32(struct bson_out *o, size_t at, uint32_t v)
{
	if (!o->full)
		u32_set(o->p + at, v);
}

static void head_put(struct bson_out *o, uint8_t type, const char *name)
{
	bson_put(o, &type, 1);
	bson_put(o, name, strlen(name) + 1);
}

size_t bson_open(struct bson_out *o)
{
	size_t from = o->n;

	bson_put_u32(o, 0);
	return from;
}

size_t bson_open_in(struct bson_out *o, uint8_t type, const char *name)
{
	head_put(o, type, name);
	return bson_open(o);
}

void bson_close(struct bson_out *o, size_t from)
{
	bson_put(o, "", 1);
	bson_patch_u32(o, from, (uint32_t)(o->n - from));
}

void bson_put_item(struct bson_out *o, uint8_t type, const char *name, const void *value, size_t n)
{
	head_put(o, type, name);
	bson_put(o, value, n);
}

void bson_put_text(struct bson_out *o, const char *name, struct vn_span text)
{
	head_put(o, BSON_STRING, name);
	bson_put_u32(o, (uint32_t)text.n + 1);
	bson_put(o, text.p, text.n);
	bson_put(o, "", 1);
}

void bson_put_string(struct bson_out *o, const char *name, const char *text)
{
	bson_put_text(o, name, (struct vn_span){ (const uint8_t *)text, strlen(text) });
}

void bson_put_double(struct bson_out *o, const char *name, double d)
{
	int64_t bits;

	memcpy(&bits, &d, sizeof bits);
	head_put(o, BSON_DOUBLE, name);
	bson_put_u32(o, (uint32_t)bits);
	bson_put_u32(o, (uint32_t)((uint64_t)bits >> 32));
}

void bson_put_int(struct bson_out *o, const char *name, int32_t n)
{
	head_put(o, BSON_INT32, name);
	bson_put_u32(o, (uint32_t)n);
}

void bson_put_long(struct bson_out *o, const char *name, int64_t n)
{
	head_put(o, BSON_INT64, name);
	bson_put_u32(o, (uint32_t)n);
	bson_put_u32(o, (uint32_t)((uint64_t)n >> 32));
}

void bson_put_bool(struct bson_out *o, const char *name, bool b)
{
	head_put(o, BSON_BOOL, name);
	bson_put(o, b ? "\1" : "", 1);
}
