/* rule_json.c - a rule as the API shows it, and in the words that --rule takes. */
#include "spec/rule_json.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "spec/option_json.h"

/* ---- words ---- */

static bool is_plain(const char *text)
{
	size_t i = 0;

	while (text[i] && !isspace((unsigned char)text[i]) && !strchr("\"'\\", text[i]))
		i++;
	return i && !text[i];
}

/* As word_next() reads it. */
static void text_put(FILE *f, const char *text)
{
	if (is_plain(text)) {
		fputs(text, f);
		return;
	}
	putc('"', f);
	for (; *text; text++)
		fprintf(f, "%s%c", strchr("\"\\", *text) ? "\\" : "", *text);
	putc('"', f);
}

/* 300ms, 2s */
static void time_put(FILE *f, vn_nsec t)
{
	bool s = t % VN_S == 0, ms = t % VN_MS == 0;

	fprintf(f, "%.15g%s", (double)t / (double)(s ? VN_S : ms ? VN_MS : VN_US),
	        s ? "s" : ms ? "ms" : "us");
}

static void value_put(FILE *f, const struct opt_values *values, const struct vn_opt *o)
{
	json_t *value = opt_to_json(values, o);
	char *text = NULL;

	if (o->type == VN_OPT_TIME)
		time_put(f, *(vn_nsec *)opt_at(values, o));
	else if (json_is_string(value))
		text_put(f, json_string_value(value));
	else if (json_is_real(value))
		fprintf(f, "%.15g", json_real_value(value));
	else
		fputs(text = json_dumps(value, JSON_ENCODE_ANY), f);
	free(text);
	json_decref(value);
}

/* What a reader needs to see although it is the default: how long, how much. */
static bool is_amount(const struct opt_values *values, const struct vn_opt *o)
{
	switch (o->type) {
	case VN_OPT_TIME: return *(vn_nsec *)opt_at(values, o);
	case VN_OPT_REAL: return *(double *)opt_at(values, o) > 0;
	case VN_OPT_INT:  return o->rule == VN_OPT_OWN && *(int64_t *)opt_at(values, o);
	default:          return false;
	}
}

static void options_put(FILE *f, const struct opt_values *values, bool amounts)
{
	for (const struct vn_opt *o = values->options; o && o->name; o++) {
		bool told = o->type != VN_OPT_INERT
		         && (!opt_is_default(values, o) || (amounts && is_amount(values, o)));
		if (!told)
			continue;
		fprintf(f, " %s=", o->name);
		value_put(f, values, o);
	}
}

char *rule_words(const struct rule_spec *r)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert(f);
	fputs(r->behavior->name, f);
	options_put(f, &r->values, true);
	options_put(f, &r->fields, false);
	if (!rule_in_group(r) && strcmp(r->name, r->behavior->name)) {
		fputs(" name=", f);
		text_put(f, r->name);
	}
	fclose(f);
	return xalloced(text);
}

/* ---- JSON ---- */

/* In seconds since 1970, as in events; null: never. */
static json_t *moment_json(vn_nsec monotonic)
{
	vn_nsec ago = clock_monotonic() - monotonic;

	return monotonic ? json_real((double)(clock_real() - ago) / VN_S) : json_null();
}

json_t *rule_json(const struct rule_spec *r)
{
	const struct rule_counters *c = r->counters;
	char *words = rule_words(r);
	json_t *made = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:s}", "name", r->name,
	                         "behavior", r->behavior->name, "options", rule_options_json(r),
	                         "seen", (json_int_t)c->seen, "hits", (json_int_t)c->hits,
	                         "unreachable", (json_int_t)c->unreachable,
	                         "last_hit", moment_json(c->last_hit), "as_rule", words);

	free(words);
	return made;
}
