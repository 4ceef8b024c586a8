/* error.c - saying what is wrong with the words that the user gave: one sentence, then an exit code. */
#include "config/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/flags.h"
#include "config/help.h"

static const char *owner;
static struct { char *sentence; size_t size; } kept;

__attribute__((format(printf, 2, 0)))
static void say(const char *before, const char *format, va_list args)
{
	char sentence[4096];
	int n = snprintf(sentence, sizeof sentence, "%s%s", before, owner ? owner : "");

	vsnprintf(sentence + n, sizeof sentence - (size_t)n, format, args);
	if (kept.sentence)
		snprintf(kept.sentence, kept.size, "%s", sentence);
	else
		fprintf(stderr, "%s\n", sentence);
}

int value_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
	return 1;
}

int usage_error(const char *format, ...)
{
	va_list args;

	if (!kept.sentence)
		help_usage(stderr);
	va_start(args, format);
	say("vaurien: error: ", format, args);
	va_end(args);
	return 2;
}

int absence_error(const char *file)
{
	if (kept.sentence)
		snprintf(kept.sentence, kept.size, "Unexistant filename '%s'", file);
	else
		printf("Unexistant filename '%s'\n", file);
	return 1;
}

int flag_error(const struct flag *f, const char *expected, const char *got)
{
	if (f->level == 1 && !owner)
		return usage_error("argument --%s: expected %s, got '%s'", f->name, expected, got);
	return value_error("%s: expected %s, got '%s'", f->opt->name, expected, got);
}

void error_prefix(const char *whose)
{
	owner = whose;
}

bool error_captured(void)
{
	return kept.sentence;
}

void error_capture(char *sentence, size_t size)
{
	kept.sentence = sentence;
	kept.size = size;
}
