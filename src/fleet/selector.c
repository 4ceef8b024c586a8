/* selector.c - which members and proxies a fleet rule is for. */
#include "fleet/selector.h"

#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool label_char(char c)
{
	return isalnum((unsigned char)c) || strchr("._-/", c);
}

static bool reserved(const char *name)
{
	return !strcmp(name, "proxy") || !strcmp(name, "protocol");
}

/* "name=value" of n bytes. */
static bool pair_read(const char *pair, size_t n, json_t *to, const char *what,
                      char error[ERROR_MAX])
{
	const char *equals = memchr(pair, '=', n);
	size_t name = equals ? (size_t)(equals - pair) : 0, value = equals ? n - name - 1 : 0;
	char key[LABEL_MAX + 1], shown[80], text[80];

	snprintf(text, sizeof text, "%.*s", (int)n, pair);
	text_printable(text, shown, sizeof shown);
	if (!name || !value || name > LABEL_MAX || value > LABEL_MAX) {
		error_format(error, "%s: expected NAME=VALUE, each of at most %d bytes, got '%s'",
		             what, LABEL_MAX, shown);
		return false;
	}
	snprintf(key, sizeof key, "%.*s", (int)name, pair);
	for (const char *c = key; *c; c++)
		if (!label_char(*c)) {
			error_format(error, "%s: expected a name of letters, digits, '.', '_', '-'"
			             " and '/', got '%s'", what, shown);
			return false;
		}
	if (json_object_get(to, key)) {
		error_format(error, "%s: '%s' is given twice", what, key);
		return false;
	}
	json_t *v = json_stringn(equals + 1, value);
	if (!v) {
		error_format(error, "%s: expected UTF-8, got '%s'", what, shown);
		return false;
	}
	json_object_set_new(to, key, v);
	return true;
}

json_t *selector_read(const char *text, const char *what, char error[ERROR_MAX])
{
	json_t *to = json_object();

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ",");
		if (!pair_read(p, n, to, what, error)) {
			json_decref(to);
			return NULL;
		}
		p += n;
		p += *p == ',' && p[1];
		if (*p == ',') {
			error_format(error, "%s: expected NAME=VALUE behind each ','", what);
			json_decref(to);
			return NULL;
		}
	}
	if (json_object_size(to) <= LABELS_MAX)
		return to;
	error_format(error, "%s: expected at most %d pairs, got %zu", what, LABELS_MAX,
	             json_object_size(to));
	json_decref(to);
	return NULL;
}

json_t *labels_read(const char *text, const char *what, char error[ERROR_MAX])
{
	json_t *to = selector_read(text, what, error);
	const char *key;
	json_t *value;

	json_object_foreach(to, key, value)
		if (reserved(key)) {
			error_format(error,
			             "%s: '%s' is a word of selectors, and cannot be a label", what,
			             key);
			json_decref(to);
			return NULL;
		}
	return to;
}

/* ---- what fits ---- */

static bool same(const json_t *a, const json_t *b)
{
	return json_is_string(a) && json_is_string(b)
		&& !strcmp(json_string_value(a), json_string_value(b));
}

bool selector_fits_labels(const json_t *selector, const json_t *labels)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)selector, key, value)
		if (!reserved(key) && !same(value, json_object_get(labels, key)))
			return false;
	return true;
}

bool selector_fits_proxy(const json_t *selector, const char *name, const char *protocol)
{
	const char *glob = json_string_value(json_object_get(selector, "proxy"));
	const char *speaks = json_string_value(json_object_get(selector, "protocol"));

	return (!glob || fnmatch(glob, name, 0) == 0) && (!speaks || !strcmp(speaks, protocol));
}

bool selector_fits_member(const json_t *selector, const json_t *member)
{
	const json_t *proxy;
	size_t i;

	if (!selector_fits_labels(selector, json_object_get(member, "labels")))
		return false;
	json_array_foreach(json_object_get(member, "proxies"), i, proxy) {
		const char *name = json_string_value(json_object_get(proxy, "name"));
		const char *protocol = json_string_value(json_object_get(proxy, "protocol"));
		if (name && protocol && selector_fits_proxy(selector, name, protocol))
			return true;
	}
	return false;
}

/* ---- how many ---- */

bool limit_read(const char *text, double *limit, bool *percent, char error[ERROR_MAX])
{
	char *end, shown[40];

	*limit = strtod(text, &end);
	*percent = *end == '%';
	if (end > text && isdigit((unsigned char)text[0]) && !end[*percent]
	    && (*percent ? *limit <= 100 : *limit == floor(*limit)))
		return true;
	error_format(error, "max_members: expected a number of members, or a percent such as 10%%,"
	             " got '%s'", text_printable(text, shown, sizeof shown));
	return false;
}

size_t limit_of(double limit, bool percent, size_t n)
{
	double most = percent ? ceil(limit * (double)n / 100 - 1e-9) : limit;

	return most < (double)n ? (size_t)most : n;
}

/* FNV-1a, and then a round that spreads names that differ in their last byte only. */
uint64_t member_rank(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3;
	h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93;
	h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93;
	return h ^ (h >> 32);
}

int member_compare(const char *a, const char *b)
{
	uint64_t x = member_rank(a), y = member_rank(b);

	return x < y ? -1 : x > y ? 1 : strcmp(a, b);
}

/* ---- names ---- */

bool fleet_id_good(const char *id)
{
	size_t n = strlen(id);

	for (const char *c = id; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return false;
	return n && n <= FLEET_ID_MAX;
}

bool member_name_good(const char *name)
{
	size_t n = strlen(name);

	for (const char *c = name; *c;) {
		size_t length = utf8_length(c);
		if (!length || *c == '/' || iscntrl((unsigned char)*c))
			return false;
		c += length;
	}
	return n && n <= MEMBER_MAX;
}
