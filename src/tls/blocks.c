/* blocks.c - memory for what TLS needs for a moment: blocks of two sizes.
 *
 *   base ........ used .......... end        a part of the address space, which grows into use
 *   kept                                     free blocks of this thread, as they are
 *   spare                                    free blocks of all threads, without memory
 *
 * The memory is in no core dump: the buffers have plain text. */
#include "tls/blocks.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

enum {
	SMALL, BIG, SIZES,
	BLOCKS = 40960,                 /* of each size: 160 and 960 MiB of addresses */
	STEP = 64,                      /* blocks that come into use together */
	KEPT = 64,                      /* blocks, as of 20 handshakes at a time */
};

static struct blocks {
	const size_t least, size;       /* bytes of what they are for, bytes of each */
	const size_t shift;             /* bytes of each that are not used, at its begin */
	uint8_t *base, *end;
	pthread_mutex_t lock;           /* for all below */
	uint32_t next[BLOCKS];          /* of the spare ones, from 1; 0: none */
	uint32_t spare, used, opened;
} all[SIZES] = {
	[SMALL] = { 2049, 4096, 0, .lock = PTHREAD_MUTEX_INITIALIZER },
	/* Bytes are copied between them and buffers that begin a page, too. A CPU takes a load for
	 * dependent on a store whose address has the same last 12 bits: copying then takes twice
	 * as long. */
	[BIG]   = { 16385, 24576, 2112, .lock = PTHREAD_MUTEX_INITIALIZER },
};

static __thread struct { uint32_t block[KEPT], n; } kept[SIZES];

static uint8_t *block_at(const struct blocks *b, uint32_t number)
{
	return b->base + number * b->size;
}

/* A block that was never used, or BLOCKS. */
static uint32_t block_new(struct blocks *b)
{
	if (b->used == b->opened) {
		if (b->opened == BLOCKS || mprotect(block_at(b, b->opened), STEP * b->size,
		                                    PROT_READ | PROT_WRITE))
			return BLOCKS;
		b->opened += STEP;
	}
	return b->used++;
}

static void *block_from(struct blocks *b)
{
	uint32_t number;

	pthread_mutex_lock(&b->lock);
	if (b->spare) {
		number = b->spare - 1;
		b->spare = b->next[number];
	} else {
		number = block_new(b);
	}
	pthread_mutex_unlock(&b->lock);
	return number < BLOCKS ? block_at(b, number) + b->shift : NULL;
}

void *block_take(size_t n)
{
	for (unsigned i = 0; i < SIZES; i++) {
		struct blocks *b = &all[i];
		if (n < b->least || n > b->size - b->shift || !b->base)
			continue;
		return kept[i].n ? block_at(b, kept[i].block[--kept[i].n]) + b->shift :
		                   block_from(b);
	}
	return NULL;
}

/* SIZES: it is no block. */
static unsigned size_of(const void *p)
{
	unsigned i = 0;

	while (i < SIZES && ((const uint8_t *)p < all[i].base || (const uint8_t *)p >= all[i].end))
		i++;
	return i;
}

size_t block_size(const void *p)
{
	unsigned i = size_of(p);

	return i < SIZES ? all[i].size - all[i].shift : 0;
}

bool block_give(void *p)
{
	unsigned i = size_of(p);

	if (i == SIZES)
		return false;
	struct blocks *b = &all[i];
	uint32_t number = (uint32_t)((size_t)((uint8_t *)p - b->base) / b->size);
	if (kept[i].n < KEPT) {
		kept[i].block[kept[i].n++] = number;
		return true;
	}
	madvise(block_at(b, number), b->size, MADV_DONTNEED);
	pthread_mutex_lock(&b->lock);
	b->next[number] = b->spare;
	b->spare = number + 1;
	pthread_mutex_unlock(&b->lock);
	return true;
}

/* Under sanitizers all is the heap's, which they watch. */
__attribute__((constructor)) static void blocks_open(void)
{
#ifndef __SANITIZE_ADDRESS__
	for (unsigned i = 0; i < SIZES; i++) {
		size_t n = BLOCKS * all[i].size;
		void *p = mmap(NULL, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		               -1, 0);
		if (p == MAP_FAILED)
			continue;
		madvise(p, n, MADV_DONTDUMP);
		all[i].base = p;
		all[i].end = all[i].base + n;
	}
#endif
}
