/* run.c - one run of the auditor: how its steps wait, and how it ends. */
#include "audit/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

void run_end(struct run *run, const char *how, const char *format, ...)
{
	va_list args;

	if (run->how)
		return;
	va_start(args, format);
	vsnprintf(run->why, sizeof run->why, format, args);
	va_end(args);
	text_clean(run->why, strlen(run->why));
	run->how = how;
}

void run_note(struct run *run, const char *id, const char *format, ...)
{
	char text[500];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	json_array_append_new(run->notes, json_pack("{s:s, s:o}", "id", id, "text",
	                                            json_text(text)));
}

bool run_until(struct run *run, double until, bool (*done)(struct run *))
{
	while (!run->how) {
		double now = poller_now();
		if (done && done(run))
			return true;
		if (now >= until)
			return false;
		if (run->api.lost && run->calm_known)
			run_end(run, "api_lost", "%s", run->api.why);
		else
			poller_round(&run->poller, until);
	}
	return false;
}
