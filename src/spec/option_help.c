/* option_help.c - what values an option takes, as text for help and errors. */
#include "spec/option_help.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

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

bool opt_unbounded(const struct vn_opt *o)
{
	return (o->min >= 0 && o->max == 0) || o->max == INFINITY;
}

static void bounds_add(const struct vn_opt *o, char *buffer, size_t size)
{
	if (opt_unbounded(o))
		text_add(buffer, size, " >= %.15g", o->min);
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
		text_add(buffer, size,
		         "at most %d percentiles and times, both ascending, as 50:10ms,99:1s",
		         VN_TABLE_MAX);
		break;
	case VN_OPT_INERT:
		text_add(buffer, size, "a whole number, or true or false");
		break;
	}
}

void opt_describe(const struct vn_opt *o, char *buffer, size_t size)
{
	char expect[ERROR_MAX];
	const char *what = expect;

	opt_expect(o, expect, sizeof expect);
	if (o->type == VN_OPT_TIME && o->min == 0 && o->max == 0)
		what = unit_name(o->unit);
	else if ((o->type == VN_OPT_INT || o->type == VN_OPT_REAL) && o->min == 0 && o->max == 0)
		what = o->type == VN_OPT_INT ? "whole number" : "number";
	else if (!strncmp(expect, "a ", 2))
		what = expect + 2;
	if (o->type == VN_OPT_INERT)
		what = "changes nothing";
	snprintf(buffer, size, "%s", what);
	if (o->def && *o->def && o->type != VN_OPT_INERT)
		text_add(buffer, size, "%s default %s", o->type == VN_OPT_CHOICE ? ";" : ",",
		         o->def);
	else if (!o->def && o->type == VN_OPT_BOOL)
		text_add(buffer, size, ", default false");
	else if (!o->def && o->rule == VN_OPT_OWN &&
	         (o->type == VN_OPT_INT || o->type == VN_OPT_REAL || o->type == VN_OPT_TIME))
		text_add(buffer, size, ", default 0");
}
