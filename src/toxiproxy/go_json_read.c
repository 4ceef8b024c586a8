/* go_json_read.c - JSON as Go's encoding/json reads it, with its error texts. */
#include "toxiproxy/go_json.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { DEEPEST = 1000 };

struct reader {
	const unsigned char *p, *end;
	unsigned depth;
	char *error;
};

/* ---- errors ---- */

/* A byte between quotes, as Go prints it: as a character of ISO 8859-1. */
static const char *byte_show(unsigned char c, char shown[16])
{
	static const struct { unsigned char c; const char *as; } special[] = {
		{ '\'', "'\\''" }, { '"', "'\"'" }, { '\\', "'\\\\'" }, { '\a', "'\\a'" },
		{ '\b', "'\\b'" }, { '\f', "'\\f'" },
		{ '\n', "'\\n'" }, { '\r', "'\\r'" }, { '\t', "'\\t'" }, { '\v', "'\\v'" },
	};

	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
		if (special[i].c == c)
			return special[i].as;
	if (c < 0x20 || c == 0x7f)
		snprintf(shown, 16, "'\\x%02x'", c);
	else if (c >= 0x80 && (c < 0xa1 || c == 0xad))
		snprintf(shown, 16, "'\\u%04x'", c);
	else if (c >= 0x80)
		snprintf(shown, 16, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	else
		snprintf(shown, 16, "'%c'", c);
	return shown;
}

/* The error of an unexpected byte, or of the end of the text. Returns NULL. */
static json_t *unexpected(struct reader *r, const char *where)
{
	char shown[16];

	if (*r->error)
		return NULL;
	if (r->p >= r->end)
		snprintf(r->error, GO_ERROR, "unexpected EOF");
	else
		snprintf(r->error, GO_ERROR, "invalid character %s %s", byte_show(*r->p, shown),
		         where);
	return NULL;
}

bool go_mismatch(const json_t *value, const char *what, char error[GO_ERROR])
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "number", [JSON_REAL] = "number",
		[JSON_TRUE] = "bool", [JSON_FALSE] = "bool", [JSON_NULL] = "null",
	};
	bool sized = strstr(what, "of type int") || strstr(what, "of type float");
	/* Go prints a number that does not fit, and of other values only the type. */
	char *number = json_is_number(value) && sized ? go_write(value, NULL) : NULL;

	snprintf(error, GO_ERROR, "json: cannot unmarshal %s%s%.100s into %s",
	         kinds[json_typeof(value)], number ? " " : "", number ? number : "", what);
	free(number);
	return false;
}

/* ---- reading ---- */

static json_t *value_read(struct reader *);

static void blanks(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
}

static void utf8_put(char **to, unsigned c)
{
	char *t = *to;

	if (c < 0x80) {
		*t++ = (char)c;
	} else if (c < 0x800) {
		*t++ = (char)(0xc0 | c >> 6);
		*t++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*t++ = (char)(0xe0 | c >> 12);
		*t++ = (char)(0x80 | (c >> 6 & 0x3f));
		*t++ = (char)(0x80 | (c & 0x3f));
	} else {
		*t++ = (char)(0xf0 | c >> 18);
		*t++ = (char)(0x80 | (c >> 12 & 0x3f));
		*t++ = (char)(0x80 | (c >> 6 & 0x3f));
		*t++ = (char)(0x80 | (c & 0x3f));
	}
	*to = t;
}

/* Bytes of the valid character at `p`; 0: there is none. */
static size_t utf8_sequence(const unsigned char *p, const unsigned char *end)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = *p < 0x80 ? 1 : *p < 0xc2 || *p > 0xf4 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	if (!n || (size_t)(end - p) < n)
		return 0;
	unsigned c = n == 1 ? *p : *p & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return n > 1 && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) ? 0 : n;
}

/* The four digits after \u. */
static bool hex_read(struct reader *r, unsigned *c)
{
	*c = 0;
	for (int i = 0; i < 4; i++, r->p++) {
		if (r->p >= r->end || !isxdigit(*r->p)) {
			unexpected(r, "in \\u hexadecimal character escape");
			return false;
		}
		*c = *c << 4 | (unsigned)(isdigit(*r->p) ? *r->p - '0' : (*r->p | 32) - 'a' + 10);
	}
	return true;
}

/* What follows a backslash. */
static bool escape_read(struct reader *r, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;
	unsigned c, low;

	if (at) {
		*(*to)++ = into[at - from];
		r->p++;
		return true;
	}
	if (r->p >= r->end || *r->p != 'u') {
		unexpected(r, "in string escape code");
		return false;
	}
	r->p++;
	if (!hex_read(r, &c))
		return false;
	const unsigned char *mark = r->p;
	if (c >= 0xd800 && c < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
		r->p += 2;
		if (!hex_read(r, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
		else
			r->p = mark;
	}
	utf8_put(to, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return true;
}

/* The rest of a text after its quote, to be freed; NULL: an error. */
static char *text_read(struct reader *r, size_t *n)
{
	char *made = xmalloc((size_t)(r->end - r->p) * 3 + 1), *to = made;

	while (r->p < r->end && *r->p != '"') {
		size_t good = utf8_sequence(r->p, r->end);
		if (*r->p < 0x20) {
			unexpected(r, "in string literal");
			break;
		}
		if (*r->p == '\\') {
			r->p++;
			if (!escape_read(r, &to))
				break;
		} else if (good) {
			memcpy(to, r->p, good);
			to += good;
			r->p += good;
		} else {
			utf8_put(&to, 0xfffd);
			r->p++;
		}
	}
	if (!*r->error && r->p >= r->end)
		unexpected(r, "");
	if (*r->error) {
		free(made);
		return NULL;
	}
	r->p++;
	*to = 0;
	*n = (size_t)(to - made);
	return made;
}

static json_t *string_read(struct reader *r)
{
	size_t n;
	char *text = text_read(r, &n);
	json_t *made = text ? json_stringn_nocheck(text, n) : NULL;

	free(text);
	return made;
}

static bool digits(struct reader *r, const char *where)
{
	if (r->p >= r->end || !isdigit(*r->p)) {
		unexpected(r, where);
		return false;
	}
	while (r->p < r->end && isdigit(*r->p))
		r->p++;
	return true;
}

/* An integer if int64 can hold it, else a real; infinite becomes the largest finite one. */
static json_t *number_make(const char *text, size_t n, bool whole)
{
	char *copy = xstrndup(text, n);
	errno = 0;
	long long i = strtoll(copy, NULL, 10);
	whole &= errno == 0;
	double d = strtod(copy, NULL);
	free(copy);
	if (whole)
		return json_integer(i);
	if (!isfinite(d))
		d = d > 0 ? DBL_MAX : -DBL_MAX;
	return json_real(d == 0 ? 0 : d);       /* not -0 */
}

static json_t *number_read(struct reader *r)
{
	const unsigned char *start = r->p;
	bool whole = true;

	r->p += *r->p == '-';
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (!digits(r, "in numeric literal"))
		return NULL;
	if (r->p < r->end && *r->p == '.') {
		whole = false;
		r->p++;
		if (!digits(r, "after decimal point in numeric literal"))
			return NULL;
	}
	if (r->p < r->end && (*r->p | 32) == 'e') {
		whole = false;
		r->p++;
		r->p += r->p < r->end && (*r->p == '+' || *r->p == '-');
		if (!digits(r, "in exponent of numeric literal"))
			return NULL;
	}
	return number_make((const char *)start, (size_t)(r->p - start), whole);
}

static json_t *word_read(struct reader *r, const char *word, json_t *value)
{
	for (size_t i = 0; word[i]; i++, r->p++) {
		char where[64];
		if (r->p < r->end && *r->p == (unsigned char)word[i])
			continue;
		snprintf(where, sizeof where, "in literal %s (expecting '%c')", word, word[i]);
		json_decref(value);
		return unexpected(r, where);
	}
	return value;
}

static json_t *array_read(struct reader *r)
{
	json_t *array = json_array(), *value;

	blanks(r);
	if (r->p < r->end && *r->p == ']') {
		r->p++;
		return array;
	}
	while ((value = value_read(r))) {
		json_array_append_new(array, value);
		blanks(r);
		if (r->p < r->end && *r->p == ']') {
			r->p++;
			return array;
		}
		if (r->p >= r->end || *r->p != ',') {
			unexpected(r, "after array element");
			break;
		}
		r->p++;
	}
	json_decref(array);
	return NULL;
}

static bool member_read(struct reader *r, json_t *object)
{
	size_t n;

	blanks(r);
	if (r->p >= r->end || *r->p != '"')
		return unexpected(r, "looking for beginning of object key string");
	r->p++;
	char *key = text_read(r, &n);
	if (!key)
		return false;
	blanks(r);
	bool colon = r->p < r->end && *r->p == ':';
	json_t *value = NULL;
	if (colon) {
		r->p++;
		value = value_read(r);
	} else {
		unexpected(r, "after object key");
	}
	if (value) {
		json_object_del(object, key);   /* of equal keys the last counts, in its place */
		json_object_set_new_nocheck(object, key, value);
	}
	free(key);
	return value;
}

static json_t *object_read(struct reader *r)
{
	json_t *object = json_object();

	blanks(r);
	if (r->p < r->end && *r->p == '}') {
		r->p++;
		return object;
	}
	while (member_read(r, object)) {
		blanks(r);
		if (r->p < r->end && *r->p == '}') {
			r->p++;
			return object;
		}
		if (r->p >= r->end || *r->p != ',') {
			unexpected(r, "after object key:value pair");
			break;
		}
		r->p++;
	}
	json_decref(object);
	return NULL;
}

static json_t *value_read(struct reader *r)
{
	json_t *made;

	blanks(r);
	if (r->p >= r->end)
		return unexpected(r, "");
	if (++r->depth > DEEPEST) {
		if (!*r->error)
			snprintf(r->error, GO_ERROR, "exceeded max depth");
		return NULL;
	}
	switch (*r->p) {
	case '{': r->p++; made = object_read(r); break;
	case '[': r->p++; made = array_read(r); break;
	case '"': r->p++; made = string_read(r); break;
	case 't': made = word_read(r, "true", json_true()); break;
	case 'f': made = word_read(r, "false", json_false()); break;
	case 'n': made = word_read(r, "null", json_null()); break;
	default:
		made = *r->p == '-' || isdigit(*r->p) ? number_read(r) :
		       unexpected(r, "looking for beginning of value");
	}
	r->depth--;
	return made;
}

json_t *go_read(const char *text, size_t n, char error[GO_ERROR])
{
	const unsigned char *start = (const unsigned char *)text;
	struct reader r = { start, start + n, 0, error };

	*error = 0;
	blanks(&r);
	if (r.p < r.end)
		return value_read(&r);
	snprintf(error, GO_ERROR, "EOF");
	return NULL;
}

const json_t *go_get(const json_t *object, const char *name)
{
	const json_t *found = NULL;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value)
		if (!strcasecmp(key, name) && !json_is_null(value))
			found = value;
	return found;
}
