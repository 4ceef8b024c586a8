/* hash.h - hashes of bytes that come in pieces, to compare texts without keeping them.
 *
 * FNV-1a with a last step that spreads it. Equal bytes have equal hashes in every run. It is no
 * protection: who knows what a text may be can find out which one it was. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START 14695981039346656037ull

static inline uint64_t hash_byte(uint64_t h, uint8_t c)
{
	return (h ^ c) * 1099511628211ull;
}

static inline uint64_t hash_add(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = hash_byte(h, p[i]);
	return h;
}

static inline uint64_t hash_end(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdull;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ull;
	return h ^ h >> 33;
}

#endif
