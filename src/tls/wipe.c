/* wipe.c - OpenSSL's memory, zeroed when it is freed while a key is parsed. */
#include "tls/wipe.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static __thread bool wiping;

void wipe_begin(void)
{
	wiping = true;
}

void wipe_end(void)
{
	wiping = false;
}

static void *take(size_t n, const char *file, int line)
{
	return malloc(n);
}

static void give(void *p, const char *file, int line)
{
	if (wiping && p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	size_t had = p ? malloc_usable_size(p) : 0;
	void *moved;

	if (!wiping || !p || !n)
		return realloc(p, n);
	moved = malloc(n);
	if (!moved)
		return NULL;
	memcpy(moved, p, had < n ? had : n);
	give(p, file, line);
	return moved;
}

/* OpenSSL takes these only before it has allocated anything. */
__attribute__((constructor)) static void memory_set(void)
{
	CRYPTO_set_mem_functions(take, resize, give);
}
