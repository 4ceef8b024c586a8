/* parse.c - values that several files of config/ read. */
#include "config/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_json(const char *file)
{
	size_t n = file ? strlen(file) : 0;

	return n > 5 && !strcasecmp(file + n - 5, ".json");
}

bool size_read(const char *text, int64_t *to)
{
	static const struct { char letter; int64_t bytes; } units[] = {
		{ 'k', 1 << 10 }, { 'm', 1 << 20 }, { 'g', 1 << 30 },
	};
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || errno)
		return false;
	for (size_t i = 0; *end && i < 3; i++)
		if (tolower((unsigned char)*end) == units[i].letter && !end[1])
			return !__builtin_mul_overflow(n, units[i].bytes, to) && *to > 0;
	*to = n;
	return !*end && n > 0;
}
