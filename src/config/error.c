/* error.c - errors of command line and files: one sentence and an exit code. */
#include "config/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *prefix;
static struct { char *sentence; size_t size; } kept;

__attribute__((format(printf, 2, 0)))
static void report(const char *before, const char *format, va_list args)
{
	char sentence[4096];
	int n = snprintf(sentence, sizeof sentence, "%s%s", before, prefix ? prefix : "");

	vsnprintf(sentence + n, sizeof sentence - (size_t)n, format, args);
	if (kept.sentence)
		snprintf(kept.sentence, kept.size, "%s", sentence);
	else
		fprintf(stderr, "%s\n", sentence);
}

void usage_print(FILE *f)
{
	fputs("usage: vaurien [--proxy HOST:PORT] [--backend HOST:PORT] [--protocol NAME]\n"
	      "               [--behavior WEIGHTS] [--http] [--config FILE] [OPTION ...]\n"
	      "       vaurien run [OPTION ...] -- COMMAND | audit | scenario | demo\n"
	      "       vaurien --help [WHAT] | --list [WHAT] | --version\n", f);
}

int value_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report("", format, args);
	va_end(args);
	return 1;
}

int usage_error(const char *format, ...)
{
	va_list args;

	if (!kept.sentence)
		usage_print(stderr);
	va_start(args, format);
	report("vaurien: error: ", format, args);
	va_end(args);
	return 2;
}

int absence_error(const char *file)
{
	if (!kept.sentence)
		printf("Unexistant filename '%s'\n", file);
	return value_error("cannot read '%s': %s", file, strerror(errno));
}

void error_prefix(const char *text)
{
	prefix = text;
}

bool error_prefixed(void)
{
	return prefix;
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
