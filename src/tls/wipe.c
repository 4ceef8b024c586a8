/* wipe.c - OpenSSL's memory, zeroed when it is freed while a key is parsed. Its big buffers are in
 * blocks of their own. */
#include "tls/wipe.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls/blocks.h"

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
	void *p = block_take(n);

	return p ? p : malloc(n);
}

static size_t size_of(void *p)
{
	size_t n = block_size(p);

	return n ? n : malloc_usable_size(p);
}

static void give(void *p, const char *file, int line)
{
	if (wiping && p)
		explicit_bzero(p, size_of(p));
	if (!block_give(p))
		free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
	size_t block = block_size(p);

	if (!p)
		return take(n, file, line);
	if (!n) {
		give(p, file, line);
		return NULL;
	}
	if (n > block / 2 && n <= block)
		return p;
	if (!block && !wiping)
		return realloc(p, n);
	size_t had = size_of(p);
	void *moved = take(n, file, line);
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
