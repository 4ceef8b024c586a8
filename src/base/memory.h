/* memory.h - malloc and friends that abort the program when there is no memory.
 *
 * They never return NULL, so callers need no check. Callers free the result with free(). */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdlib.h>
#include <string.h>

_Noreturn void memory_out(void);        /* one sentence, and exit code 1 */

static inline void *xalloced(void *memory)
{
	if (!memory)
		memory_out();
	return memory;
}

static inline void *xmalloc(size_t size)
{
	return xalloced(malloc(size ? size : 1));
}

static inline void *xcalloc(size_t n, size_t size)
{
	return xalloced(calloc(n ? n : 1, size ? size : 1));
}

static inline void *xrealloc(void *memory, size_t size)
{
	return xalloced(realloc(memory, size ? size : 1));
}

static inline char *xstrdup(const char *text)   /* NULL stays NULL */
{
	return text ? xalloced(strdup(text)) : NULL;
}

static inline char *xstrndup(const char *text, size_t n)
{
	return xalloced(strndup(text, n));
}

/* asprintf() that returns the text. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
