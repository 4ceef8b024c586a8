/* option.c - options from text or JSON into a guest's struct and back, guided by the rows of its table. */
#include "spec/option.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A number as it was given: exact where it was whole. */
struct number { bool whole; int64_t i; double d; };

/* Times end here (73 years), so that a few of them can be added to a clock without overflow. */
static const vn_nsec LONGEST = INT64_MAX / 4;

/* ---- sentences ---- */

static const char *unit_name(vn_nsec unit)
{
	static const struct { vn_nsec unit; const char *name; } names[] = {
		{ VN_US, "microseconds" }, { VN_MS, "milliseconds" }, { VN_S, "seconds" },
		{ 60 * VN_S, "minutes" }, { 3600 * VN_S, "hours" },
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i].unit == unit)
			return names[i].name;
	return "nanoseconds";
}

static void bounds_add(const struct vn_opt *o, char *buffer, size_t size)
{
	if (o->min == 0 && o->max == 0)
		text_add(buffer, size, " >= 0");
	else
		text_add(buffer, size, " from %.15g to %.15g", o->min, o->max);
}

void opt_expect(const struct vn_opt *o, char *buffer, size_t size)
{
	buffer[0] = '\0';
	switch (o->type) {
	case VN_OPT_BOOL:
		text_add(buffer, size, "true or false");
		break;
	case VN_OPT_INT:
		text_add(buffer, size, "a whole number");
		bounds_add(o, buffer, size);
		break;
	case VN_OPT_REAL:
		text_add(buffer, size, "a number");
		bounds_add(o, buffer, size);
		break;
	case VN_OPT_TIME:
		text_add(buffer, size, "a number of %s", unit_name(o->unit));
		bounds_add(o, buffer, size);
		break;
	case VN_OPT_TEXT:
		text_add(buffer, size, "a text");
		break;
	case VN_OPT_CHOICE:
		text_add(buffer, size, "one of ");
		for (size_t i = 0; o->choices[i]; i++)
			text_add(buffer, size, "%s%s", i ? ", " : "", o->choices[i]);
		break;
	case VN_OPT_FAILURE:
		text_add(buffer, size, "the name of a failure");
		break;
	case VN_OPT_TABLE:
		text_add(buffer, size, "at most %d percentiles and times, both ascending, as 50:10ms,99:1s", VN_TABLE_MAX);
		break;
	case VN_OPT_INERT:
		text_add(buffer, size, "a whole number, or true or false");
		break;
	}
}

void opt_describe(const struct vn_opt *o, char *buffer, size_t size)
{
	char expect[ERROR_MAX];
	const char *say = expect;

	opt_expect(o, expect, sizeof expect);
	if (o->type == VN_OPT_TIME && o->min == 0 && o->max == 0)
		say = unit_name(o->unit);
	else if ((o->type == VN_OPT_INT || o->type == VN_OPT_REAL) && o->min == 0 && o->max == 0)
		say = o->type == VN_OPT_INT ? "whole number" : "number";
	else if (!strncmp(expect, "a ", 2))
		say = expect + 2;
	if (o->type == VN_OPT_INERT)
		say = "changes nothing";
	snprintf(buffer, size, "%s", say);
	if (o->def && *o->def && o->type != VN_OPT_INERT)
		text_add(buffer, size, "%s default %s", o->type == VN_OPT_CHOICE ? ";" : ",", o->def);
	else if (!o->def && o->type == VN_OPT_BOOL)
		text_add(buffer, size, ", default false");
	else if (!o->def && o->rule == VN_OPT_OWN && (o->type == VN_OPT_INT || o->type == VN_OPT_REAL || o->type == VN_OPT_TIME))
		text_add(buffer, size, ", default 0");
}

static bool refuse(const struct vn_opt *o, const char *got, char error[ERROR_MAX])
{
	char expect[ERROR_MAX - 100], shown[48];
	opt_expect(o, expect, sizeof expect);
	error_format(error, "%s: expected %s, got %s", o->name, expect, text_printable(got, shown, sizeof shown));
	return false;
}

static bool refuse_text(const struct vn_opt *o, const char *text, char error[ERROR_MAX])
{
	char shown[44], quoted[48];
	snprintf(quoted, sizeof quoted, "'%s'", text_printable(text, shown, sizeof shown));
	return refuse(o, quoted, error);
}

/* ---- words ---- */

/* ---- a block and its fields ---- */

static bool is_text(const struct vn_opt *o)
{
	return o->type == VN_OPT_TEXT || o->type == VN_OPT_CHOICE || o->type == VN_OPT_FAILURE;
}

static void *field(const struct opt_values *b, const struct vn_opt *o)
{
	switch (o->rule) {
	case VN_OPT_SKIP:  return (void *)&b->skip;
	case VN_OPT_TIMES: return (void *)&b->times;
	case VN_OPT_OWN:   break;
	}
	return (char *)b->opts + o->offset;
}

static void set_string(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	char **to = field(b, o), *mine = NULL;
	if (text) {
		mine = xstrdup(text);
	}
	free(*to);
	*to = mine;
}

void opt_values_init(struct opt_values *b, const struct vn_opt *options, size_t opts_size)
{
	char ignored[ERROR_MAX];                 /* a bad default was told of by registry_error() */

	*b = (struct opt_values){ .options = options, .size = opts_size, .times = UINT64_MAX };
	if (opts_size) {
		b->opts = xcalloc(1, opts_size);
	}
	for (const struct vn_opt *o = options; o && o->name; o++)
		if (o->def)
			opt_set_text(b, o, o->def, ignored);
}

void opt_values_copy(struct opt_values *to, const struct opt_values *from)
{
	*to = *from;
	if (!from->size)
		return;
	to->opts = xmalloc(from->size);
	memcpy(to->opts, from->opts, from->size);
	for (const struct vn_opt *o = to->options; o && o->name; o++) {
		if (!is_text(o))
			continue;
		const char *text = *(char **)field(to, o);
		*(char **)field(to, o) = NULL;  /* the other block's */
		set_string(to, o, text);
	}
}

void opt_values_free(struct opt_values *b)
{
	for (const struct vn_opt *o = b->options; b->opts && o && o->name; o++)
		if (is_text(o))
			free(*(char **)field(b, o));
	free(b->opts);
	*b = (struct opt_values){ .times = UINT64_MAX };
}

static bool name_same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return *a == *b;
}

const struct vn_opt *opt_find(const struct vn_opt *options, const char *name)
{
	for (const struct vn_opt *o = options; o && o->name; o++)
		if (name_same(o->name, name))
			return o;
	return NULL;
}

/* ---- numbers ---- */

/* Reads a decimal number at the start of `text`; where it ends, or NULL: no number there. No hexadecimal,
 * no "inf" and no "nan", which strtod would take. */
static const char *number_read(const char *text, struct number *n)
{
	char *end, *whole_end;
	size_t len = strspn(text, "+-.0123456789eE");

	if (!len)
		return NULL;
	n->d = strtod(text, &end);
	if (end == text || end > text + len || !isfinite(n->d))
		return NULL;
	errno = 0;
	n->i = strtoll(text, &whole_end, 10);
	n->whole = whole_end == end && errno == 0;
	return end;
}

static bool within(const struct vn_opt *o, double value)
{
	if (o->min == 0 && o->max == 0)
		return value >= 0;
	return value >= o->min && value <= o->max;
}

static bool number_to_int(const struct number *n, int64_t *to)
{
	static const double edge = 9223372036854775808.0;       /* 2^63 */
	if (n->whole) {
		*to = n->i;
		return true;
	}
	if (n->d != floor(n->d) || n->d < -edge || n->d >= edge)
		return false;
	*to = (int64_t)n->d;
	return true;
}

static bool number_to_nsec(const struct number *n, vn_nsec unit, vn_nsec *to)
{
	if (n->whole)
		return !__builtin_mul_overflow(n->i, unit, to) && *to <= LONGEST && *to >= -LONGEST;
	double value = n->d * (double)unit;
	if (!(fabs(value) <= (double)LONGEST))
		return false;
	*to = llround(value);
	return true;
}

/* `unit`: what the number of an VN_OPT_TIME counts in. False: it does not fit the option. */
static bool set_number(struct opt_values *b, const struct vn_opt *o, const struct number *n, vn_nsec unit)
{
	int64_t i;
	vn_nsec t;

	switch (o->type) {
	case VN_OPT_BOOL:
		if (!number_to_int(n, &i) || (i != 0 && i != 1))
			return false;
		*(bool *)field(b, o) = i;
		return true;
	case VN_OPT_INT:
		if (!number_to_int(n, &i) || !within(o, (double)i))
			return false;
		*(int64_t *)field(b, o) = i;
		return true;
	case VN_OPT_REAL:
		if (!within(o, n->d))
			return false;
		*(double *)field(b, o) = n->d + 0.0;    /* not -0 */
		return true;
	case VN_OPT_TIME:
		if (!number_to_nsec(n, unit, &t) || !within(o, (double)t / (double)o->unit))
			return false;
		*(vn_nsec *)field(b, o) = t;
		return true;
	case VN_OPT_INERT:
		return number_to_int(n, &i);
	default:
		return false;
	}
}

/* ---- from text ---- */

/* What a time's suffix means; 0: there is no such suffix. */
static vn_nsec suffix_unit(const char *suffix, vn_nsec bare)
{
	static const struct { const char *suffix; vn_nsec unit; } units[] = {
		{ "us", VN_US }, { "ms", VN_MS }, { "s", VN_S }, { "m", 60 * VN_S }, { "h", 3600 * VN_S },
	};
	if (!*suffix)
		return bare;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (!strcmp(suffix, units[i].suffix))
			return units[i].unit;
	return 0;
}

/* "10ms"; the blanks around it are gone. */
static bool time_read(const char *text, vn_nsec bare, vn_nsec *to)
{
	struct number n;
	const char *rest = number_read(text, &n);
	vn_nsec unit = rest ? suffix_unit(rest + strspn(rest, " "), bare) : 0;

	return unit && number_to_nsec(&n, unit, to);
}

/* "50:10ms" */
static bool row_read(const char *text, size_t len, vn_nsec unit, double *percent, vn_nsec *time)
{
	char row[64];
	struct number n;
	const char *rest;

	for (; len && *text == ' '; len--)
		text++;
	while (len && text[len - 1] == ' ')
		len--;
	if (len >= sizeof row)
		return false;
	memcpy(row, text, len);
	row[len] = '\0';
	rest = number_read(row, &n);
	if (!rest || *rest != ':' || n.d < 0 || n.d > 100)
		return false;
	*percent = n.d + 0.0;
	return time_read(rest + 1, unit, time) && *time >= 0;
}

static bool set_table(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	struct vn_table t = { 0 };

	for (text += strspn(text, " \t"); *text; t.n++) {
		size_t len = strcspn(text, ",");
		if (t.n == VN_TABLE_MAX || !row_read(text, len, o->unit, &t.rows[t.n].percent, &t.rows[t.n].time))
			return false;
		if (t.n && (t.rows[t.n].percent <= t.rows[t.n - 1].percent || t.rows[t.n].time < t.rows[t.n - 1].time))
			return false;
		if (text[len] && !text[len + 1])
			return false;
		text += len + !!text[len];
	}
	*(struct vn_table *)field(b, o) = t;
	return true;
}

static bool set_number_text(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	struct number n;
	const char *rest = number_read(text, &n);
	vn_nsec unit;

	if (!rest)
		return false;
	while (*rest == ' ')
		rest++;
	if (o->type != VN_OPT_TIME)
		return !*rest && set_number(b, o, &n, 0);
	unit = suffix_unit(rest, o->unit);
	return unit && set_number(b, o, &n, unit);
}

static bool choice_known(const struct vn_opt *o, const char *text)
{
	for (size_t i = 0; o->choices[i]; i++)
		if (!strcmp(o->choices[i], text))
			return true;
	return false;
}

static bool set_word(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	bool value;

	switch (o->type) {
	case VN_OPT_BOOL:
		return text_to_bool(text, field(b, o));
	case VN_OPT_INERT:
		return text_to_bool(text, &value) || set_number_text(b, o, text);
	case VN_OPT_CHOICE:
		if (!choice_known(o, text))
			return false;
		set_string(b, o, text);
		return true;
	case VN_OPT_FAILURE:
		set_string(b, o, *text ? text : NULL);
		return true;
	case VN_OPT_TEXT:
		set_string(b, o, text);
		return true;
	default:
		return set_number_text(b, o, text);
	}
}

bool opt_set_text(struct opt_values *b, const struct vn_opt *o, const char *text, char error[ERROR_MAX])
{
	char trimmed[128];
	size_t n;

	if (o->type == VN_OPT_TEXT)
		return set_word(b, o, text);
	if (o->type == VN_OPT_TABLE)
		return set_table(b, o, text) || refuse_text(o, text, error);
	text += strspn(text, " \t");
	for (n = strlen(text); n && strchr(" \t", text[n - 1]); n--)
		;
	if (n >= sizeof trimmed)
		return refuse_text(o, text, error);
	memcpy(trimmed, text, n);
	trimmed[n] = '\0';
	return set_word(b, o, trimmed) || refuse_text(o, text, error);
}

/* ---- from and to JSON ---- */

/* "nothing", where an option can have that. */
static bool set_null(struct opt_values *b, const struct vn_opt *o)
{
	if (is_text(o) && !(o->type == VN_OPT_CHOICE && o->def))
		set_string(b, o, NULL);
	else if (o->type == VN_OPT_TABLE)
		((struct vn_table *)field(b, o))->n = 0;
	else if (o->rule == VN_OPT_TIMES && !o->def)
		b->times = UINT64_MAX;
	else
		return false;
	return true;
}

static bool set_json(struct opt_values *b, const struct vn_opt *o, const json_t *value)
{
	struct number n = { .whole = json_is_integer(value) };

	if (json_is_null(value))
		return set_null(b, o);
	if (json_is_boolean(value)) {
		if (o->type == VN_OPT_BOOL)
			*(bool *)field(b, o) = json_is_true(value);
		return o->type == VN_OPT_BOOL || o->type == VN_OPT_INERT;
	}
	if (!json_is_number(value))
		return false;
	n.i = json_integer_value(value);
	n.d = json_number_value(value);
	return isfinite(n.d) && set_number(b, o, &n, o->unit);
}

static bool refuse_json(const struct vn_opt *o, const json_t *value, char error[ERROR_MAX])
{
	if (json_is_array(value) || json_is_object(value))
		return refuse(o, json_is_array(value) ? "an array" : "an object", error);
	char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	assert(shown);
	refuse(o, shown, error);
	free(shown);
	return false;
}

bool opt_set_json(struct opt_values *b, const struct vn_opt *o, const json_t *value, char error[ERROR_MAX])
{
	if (json_is_string(value) && json_string_length(value) == strlen(json_string_value(value)))
		return opt_set_text(b, o, json_string_value(value), error);
	return set_json(b, o, value) || refuse_json(o, value, error);
}

static json_t *string_or_null(const char *text)
{
	json_t *made = text ? json_string(text) : json_null();
	return made ? made : json_null();       /* the command line may bring what is not UTF-8 */
}

static json_t *time_to_json(vn_nsec t, vn_nsec unit)
{
	if (unit < VN_S && t % unit == 0)
		return json_integer(t / unit);
	return json_real((double)t / (double)unit);
}

/* As it could have been typed. */
static json_t *table_to_json(const struct vn_table *t)
{
	char text[VN_TABLE_MAX * 64] = "";

	for (size_t i = 0; i < t->n; i++) {
		vn_nsec time = t->rows[i].time;
		bool s = time % VN_S == 0, ms = time % VN_MS == 0;
		text_add(text, sizeof text, "%s%.15g:%.15g%s", i ? "," : "", t->rows[i].percent,
		         (double)time / (double)(s ? VN_S : ms ? VN_MS : VN_US), s ? "s" : ms ? "ms" : "us");
	}
	return t->n ? string_or_null(text) : json_null();
}

json_t *opt_to_json(const struct opt_values *b, const struct vn_opt *o)
{
	switch (o->type) {
	case VN_OPT_BOOL: return json_boolean(*(bool *)field(b, o));
	case VN_OPT_REAL: return json_real(*(double *)field(b, o));
	case VN_OPT_TIME: return time_to_json(*(vn_nsec *)field(b, o), o->unit);
	case VN_OPT_INT:
		if (o->rule == VN_OPT_TIMES && b->times == UINT64_MAX)
			return json_null();
		return json_integer(*(int64_t *)field(b, o));
	case VN_OPT_TEXT:
	case VN_OPT_CHOICE:
	case VN_OPT_FAILURE:
		return string_or_null(*(char **)field(b, o));
	case VN_OPT_TABLE:
		return table_to_json(field(b, o));
	case VN_OPT_INERT:
		break;
	}
	return json_null();
}

json_t *opt_values_to_json(const struct opt_values *b)
{
	json_t *object = json_object();
	assert(object);
	for (const struct vn_opt *o = b->options; o && o->name; o++)
		if (o->type != VN_OPT_INERT)
			json_object_set_new(object, o->name, opt_to_json(b, o));
	return object;
}

bool opt_values_same(const struct opt_values *a, const struct opt_values *b)
{
	json_t *one = opt_values_to_json(a), *other = opt_values_to_json(b);
	bool same = json_equal(one, other) && a->skip == b->skip && a->times == b->times;

	json_decref(one);
	json_decref(other);
	return same;
}
