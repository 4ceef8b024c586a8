/* memory.c - the end of a program that has no memory. */
#include "base/memory.h"

#include <string.h>
#include <unistd.h>

void memory_out(void)
{
	static const char sentence[] = "vaurien: there is no memory left (see ulimit -v)\n";

	(void)!write(STDERR_FILENO, sentence, strlen(sentence));
	_exit(1);
}
