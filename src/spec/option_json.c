/* option_json.c - option values from JSON and to JSON. */
#include "spec/option_json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* False: the option cannot be unset. */
static bool set_null(struct opt_values *b, const struct vn_opt *o)
{
	if (opt_is_text(o) && !(o->type == VN_OPT_CHOICE && o->def))
		opt_set_string(b, o, NULL);
	else if (o->type == VN_OPT_TABLE)
		((struct vn_table *)opt_at(b, o))->n = 0;
	else if (o->rule == VN_OPT_TIMES && !o->def)
		b->times = UINT64_MAX;
	else
		return false;
	return true;
}

static bool set_json(struct opt_values *b, const struct vn_opt *o, const json_t *value)
{
	struct opt_number n = { .whole = json_is_integer(value) };

	if (json_is_null(value))
		return set_null(b, o);
	if (json_is_boolean(value)) {
		if (o->type == VN_OPT_BOOL)
			*(bool *)opt_at(b, o) = json_is_true(value);
		return o->type == VN_OPT_BOOL || o->type == VN_OPT_INERT;
	}
	if (!json_is_number(value))
		return false;
	n.i = json_integer_value(value);
	n.d = json_number_value(value);
	return isfinite(n.d) && opt_set_number(b, o, &n, o->unit);
}

/* A choice may look like a number: "1.2". */
static bool set_choice(struct opt_values *b, const struct vn_opt *o, const json_t *value)
{
	char text[32], ignored[ERROR_MAX];

	if (!json_is_number(value))
		return set_json(b, o, value);
	snprintf(text, sizeof text, json_is_integer(value) ? "%.0f" : "%.1f",
	         json_number_value(value));
	return opt_set_text(b, o, text, ignored);
}

static bool refuse_json(const struct vn_opt *o, const json_t *value, char error[ERROR_MAX])
{
	if (json_is_array(value) || json_is_object(value))
		return opt_refuse(o, json_is_array(value) ? "an array" : "an object", error);
	char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	assert(shown);
	opt_refuse(o, shown, error);
	free(shown);
	return false;
}

bool opt_set_json(struct opt_values *b, const struct vn_opt *o, const json_t *value,
                  char error[ERROR_MAX])
{
	if (json_is_string(value) && json_string_length(value) == strlen(json_string_value(value)))
		return opt_set_text(b, o, json_string_value(value), error);
	return (o->type == VN_OPT_CHOICE ? set_choice(b, o, value) : set_json(b, o, value)) ||
	       refuse_json(o, value, error);
}

static json_t *string_or_null(const char *text)
{
	json_t *made = text ? json_string(text) : json_null();
	return made ? made : json_null();       /* NULL: not UTF-8, as a command line may be */
}

static json_t *time_to_json(vn_nsec t, vn_nsec unit)
{
	if (unit < VN_S && t % unit == 0)
		return json_integer(t / unit);
	return json_real((double)t / (double)unit);
}

/* As text that opt_set_text reads. */
static json_t *table_to_json(const struct vn_table *t)
{
	char text[VN_TABLE_MAX * 64] = "";

	for (size_t i = 0; i < t->n; i++) {
		vn_nsec time = t->rows[i].time;
		bool s = time % VN_S == 0, ms = time % VN_MS == 0;
		vn_nsec unit = s ? VN_S : ms ? VN_MS : VN_US;
		text_add(text, sizeof text, "%s%.15g:%.15g%s", i ? "," : "", t->rows[i].percent,
		         (double)time / (double)unit, s ? "s" : ms ? "ms" : "us");
	}
	return t->n ? string_or_null(text) : json_null();
}

json_t *opt_to_json(const struct opt_values *b, const struct vn_opt *o)
{
	switch (o->type) {
	case VN_OPT_BOOL: return json_boolean(*(bool *)opt_at(b, o));
	case VN_OPT_REAL: return json_real(*(double *)opt_at(b, o));
	case VN_OPT_TIME: return time_to_json(*(vn_nsec *)opt_at(b, o), o->unit);
	case VN_OPT_INT:
		if (o->rule == VN_OPT_TIMES && b->times == UINT64_MAX)
			return json_null();
		return json_integer(*(int64_t *)opt_at(b, o));
	case VN_OPT_TEXT:
	case VN_OPT_CHOICE:
	case VN_OPT_FAILURE:
		return string_or_null(*(char **)opt_at(b, o));
	case VN_OPT_TABLE:
		return table_to_json(opt_at(b, o));
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

bool opt_is_default(const struct opt_values *b, const struct vn_opt *o)
{
	struct opt_values defaults;

	opt_values_init(&defaults, b->options, b->size);
	json_t *now = opt_to_json(b, o), *then = opt_to_json(&defaults, o);
	bool same = json_equal(now, then);
	json_decref(now);
	json_decref(then);
	opt_values_free(&defaults);
	return same;
}
