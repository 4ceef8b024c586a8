/* option.c - option values: their life, and set from text. */
#include "spec/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "spec/option_help.h"

/* 73 years: a few such times can be added to a clock without overflow. */
static const vn_nsec TIME_MAX = INT64_MAX / 4;

/* ---- errors ---- */

/* `bare`: the text that came, to be compared with the choices; NULL: it was no text. */
static bool refuse(const struct vn_opt *o, const char *got, const char *bare, char error[ERROR_MAX])
{
	char expect[ERROR_MAX - 200], shown[48], meant[SUGGEST_MAX];
	struct suggestion near = { .word = bare };

	for (const char *const *c = bare ? o->choices : NULL; c && *c; c++)
		suggest_try(&near, *c);
	opt_expect(o, expect, sizeof expect);
	error_format(error, "%s: expected %s, got %s%s", o->name, expect,
	             text_printable(got, shown, sizeof shown), suggest_show(&near, "", meant));
	return false;
}

bool opt_refuse(const struct vn_opt *o, const char *got, char error[ERROR_MAX])
{
	return refuse(o, got, NULL, error);
}

static bool refuse_text(const struct vn_opt *o, const char *text, char error[ERROR_MAX])
{
	char shown[44], quoted[48];
	snprintf(quoted, sizeof quoted, "'%s'", text_printable(text, shown, sizeof shown));
	return refuse(o, quoted, text, error);
}

/* ---- life ---- */

bool opt_is_text(const struct vn_opt *o)
{
	return o->type == VN_OPT_TEXT || o->type == VN_OPT_CHOICE || o->type == VN_OPT_FAILURE;
}

void *opt_at(const struct opt_values *b, const struct vn_opt *o)
{
	switch (o->rule) {
	case VN_OPT_SKIP:  return (void *)&b->skip;
	case VN_OPT_TIMES: return (void *)&b->times;
	case VN_OPT_OWN:   break;
	}
	return (char *)b->opts + o->offset;
}

void opt_set_string(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	char **to = opt_at(b, o), *mine = xstrdup(text);

	free(*to);
	*to = mine;
}

void opt_values_init(struct opt_values *b, const struct vn_opt *options, size_t opts_size)
{
	char ignored[ERROR_MAX];        /* registry_error() reported bad defaults */

	*b = (struct opt_values){ .options = options, .size = opts_size, .times = UINT64_MAX };
	if (opts_size)
		b->opts = xcalloc(1, opts_size);
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
		if (!opt_is_text(o))
			continue;
		const char *text = *(char **)opt_at(to, o);
		*(char **)opt_at(to, o) = NULL;  /* owned by `from` */
		opt_set_string(to, o, text);
	}
}

void opt_values_free(struct opt_values *b)
{
	for (const struct vn_opt *o = b->options; b->opts && o && o->name; o++)
		if (opt_is_text(o))
			free(*(char **)opt_at(b, o));
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

/* Reads a decimal number at the start of `text`. Returns where it ends; NULL: there is none. It
 * rejects hexadecimal, "inf" and "nan", which strtod accepts. */
static const char *number_read(const char *text, struct opt_number *n)
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
	if (opt_unbounded(o))
		return value >= o->min;
	return value >= o->min && value <= o->max;
}

static bool number_to_int(const struct opt_number *n, int64_t *to)
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

static bool number_to_nsec(const struct opt_number *n, vn_nsec unit, vn_nsec *to)
{
	if (n->whole)
		return !__builtin_mul_overflow(n->i, unit, to) && *to <= TIME_MAX &&
		       *to >= -TIME_MAX;
	double value = n->d * (double)unit;
	if (!(fabs(value) <= (double)TIME_MAX))
		return false;
	*to = llround(value);
	return true;
}

bool opt_set_number(struct opt_values *b, const struct vn_opt *o, const struct opt_number *n,
                    vn_nsec unit)
{
	int64_t i;
	vn_nsec t;

	switch (o->type) {
	case VN_OPT_BOOL:
		if (!number_to_int(n, &i) || (i != 0 && i != 1))
			return false;
		*(bool *)opt_at(b, o) = i;
		return true;
	case VN_OPT_INT:
		if (!number_to_int(n, &i) || !within(o, (double)i))
			return false;
		*(int64_t *)opt_at(b, o) = i;
		return true;
	case VN_OPT_REAL:
		if (!within(o, n->d))
			return false;
		*(double *)opt_at(b, o) = n->d + 0.0;    /* not -0 */
		return true;
	case VN_OPT_TIME:
		if (!number_to_nsec(n, unit, &t) || !within(o, (double)t / (double)o->unit))
			return false;
		*(vn_nsec *)opt_at(b, o) = t;
		return true;
	case VN_OPT_INERT:
		return number_to_int(n, &i);
	default:
		return false;
	}
}

/* ---- from text ---- */

/* `bare`: the unit without a suffix. 0: there is no such suffix. */
static vn_nsec suffix_unit(const char *suffix, vn_nsec bare)
{
	static const struct { const char *suffix; vn_nsec unit; } units[] = {
		{ "us", VN_US }, { "ms", VN_MS }, { "s", VN_S }, { "m", 60 * VN_S },
		{ "h", 3600 * VN_S },
	};
	if (!*suffix)
		return bare;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (!strcmp(suffix, units[i].suffix))
			return units[i].unit;
	return 0;
}

/* "10ms", without blanks around it. */
static bool time_read(const char *text, vn_nsec bare, vn_nsec *to)
{
	struct opt_number n;
	const char *rest = number_read(text, &n);
	vn_nsec unit = rest ? suffix_unit(rest + strspn(rest, " "), bare) : 0;

	return unit && number_to_nsec(&n, unit, to);
}

/* "50:10ms" */
static bool row_read(const char *text, size_t len, vn_nsec unit, double *percent, vn_nsec *time)
{
	char row[64];
	struct opt_number n;
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
		if (t.n == VN_TABLE_MAX ||
		    !row_read(text, len, o->unit, &t.rows[t.n].percent, &t.rows[t.n].time))
			return false;
		if (t.n && (t.rows[t.n].percent <= t.rows[t.n - 1].percent ||
		            t.rows[t.n].time < t.rows[t.n - 1].time))
			return false;
		if (text[len] && !text[len + 1])
			return false;
		text += len + !!text[len];
	}
	*(struct vn_table *)opt_at(b, o) = t;
	return true;
}

static bool set_number_text(struct opt_values *b, const struct vn_opt *o, const char *text)
{
	struct opt_number n;
	const char *rest = number_read(text, &n);
	vn_nsec unit;

	if (!rest)
		return false;
	while (*rest == ' ')
		rest++;
	if (o->type != VN_OPT_TIME)
		return !*rest && opt_set_number(b, o, &n, 0);
	unit = suffix_unit(rest, o->unit);
	return unit && opt_set_number(b, o, &n, unit);
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
		return text_to_bool(text, opt_at(b, o));
	case VN_OPT_INERT:
		return text_to_bool(text, &value) || set_number_text(b, o, text);
	case VN_OPT_CHOICE:
		if (!choice_known(o, text))
			return false;
		opt_set_string(b, o, text);
		return true;
	case VN_OPT_FAILURE:
		opt_set_string(b, o, *text ? text : NULL);
		return true;
	case VN_OPT_TEXT:
		opt_set_string(b, o, text);
		return true;
	default:
		return set_number_text(b, o, text);
	}
}

static bool text_checked(const struct vn_opt *o, const char *text, char error[ERROR_MAX])
{
	char why[ERROR_MAX - 48];

	if (!o->check || !*text || o->check(text, why, sizeof why))
		return true;
	error_format(error, "%.40s: %s", o->name, why);
	return false;
}

bool opt_set_text(struct opt_values *b, const struct vn_opt *o, const char *text,
                  char error[ERROR_MAX])
{
	char trimmed[128];
	size_t n;

	if (o->type == VN_OPT_TEXT)
		return text_checked(o, text, error) && set_word(b, o, text);
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
