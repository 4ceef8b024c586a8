/* finding.c - what all tables of findings need: names, sentences, the search by id. */
#include "audit/finding.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const char *const severity_names[SEVERITIES] = {
	[SEVERITY_NOTE] = "note", [SEVERITY_DEGRADED] = "degraded",
	[SEVERITY_INCONCLUSIVE] = "inconclusive", [SEVERITY_FAIL] = "fail",
};

bool say(char text[FINDING_TEXT], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(text, FINDING_TEXT, format, list);
	va_end(list);
	return true;
}

const char *show_seconds(double seconds, char buffer[24])
{
	double tenths = round(seconds * 10);

	if (seconds < 0.1)
		snprintf(buffer, 24, "%.0f ms", seconds * 1000);
	else if (fmod(tenths, 10) == 0 || seconds >= 100)
		snprintf(buffer, 24, "%.0f s", seconds);
	else
		snprintf(buffer, 24, "%.1f s", seconds);
	return buffer;
}

const char *show_some(unsigned n, const char *noun, char buffer[24])
{
	snprintf(buffer, 24, "%u %.11s%s", n, noun, n == 1 ? "" : "s");
	return buffer;
}

bool has_begun(const struct experiment *e)
{
	return e->t_on >= 0 && (e->state == STATE_DONE || e->state == STATE_BROKEN_OFF);
}
