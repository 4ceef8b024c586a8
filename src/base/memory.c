/* memory.c - malloc and friends that abort the program when there is no memory. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void memory_out(void)
{
	static const char sentence[] = "vaurien: there is no memory left (see ulimit -v)\n";

	(void)!write(STDERR_FILENO, sentence, strlen(sentence));
	_exit(1);
}

char *xasprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	int n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		memory_out();
	return text;
}
