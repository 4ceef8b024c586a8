/* pool.c - allocator for short-lived structs of one size. */
#include "base/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"

enum { BLOCK = 1 << 16 };

struct piece { struct piece *next; };

struct pool_block {
	struct pool *pool;
	struct pool_block *next, **link;        /* in `roomy`; link NULL: the block is full */
	struct piece *spare;                    /* pieces that were given back */
	size_t used, fresh;                     /* pieces in use; offset of the bytes never used */
};

void pool_init(struct pool *p, size_t size)
{
	*p = (struct pool){ .size = (size + 15) / 16 * 16 };
}

#if defined(__SANITIZE_ADDRESS__)       /* it finds errors only if malloc has each piece */

void *pool_take(struct pool *p)
{
	void *piece = xmalloc(p->size);
	return piece;
}

void pool_give(void *piece)
{
	free(piece);
}

void pool_free(struct pool *p)
{
}

#else

static void block_enlist(struct pool_block *b)
{
	struct pool *p = b->pool;

	b->next = p->roomy;
	b->link = &p->roomy;
	if (b->next)
		b->next->link = &b->next;
	p->roomy = b;
}

static void block_delist(struct pool_block *b)
{
	if (b->next)
		b->next->link = b->link;
	*b->link = b->next;
	b->link = NULL;
}

/* Maps twice the size, and unmaps what is before and behind the aligned block. */
static struct pool_block *block_make(struct pool *p)
{
	uint8_t *map =
		mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	xalloced(map == MAP_FAILED ? NULL : map);
	size_t before = (BLOCK - (uintptr_t)map % BLOCK) % BLOCK;
	if (before)
		munmap(map, before);
	munmap(map + before + BLOCK, BLOCK - before);
	struct pool_block *b = (struct pool_block *)(map + before);
	*b = (struct pool_block){ .pool = p, .fresh = (sizeof *b + 15) / 16 * 16 };
	p->blocks++;
	block_enlist(b);
	return b;
}

static void opt_values_free(struct pool_block *b)
{
	b->pool->blocks--;
	block_delist(b);
	munmap(b, BLOCK);
}

void *pool_take(struct pool *p)
{
	struct pool_block *b = p->roomy ? p->roomy : block_make(p);
	struct piece *piece = b->spare;

	if (piece) {
		b->spare = piece->next;
	} else {
		piece = (struct piece *)((uint8_t *)b + b->fresh);
		b->fresh += p->size;
	}
	b->used++;
	if (!b->spare && b->fresh + p->size > BLOCK)
		block_delist(b);
	return piece;
}

void pool_give(void *given)
{
	struct pool_block *b = (struct pool_block *)((uintptr_t)given & ~(uintptr_t)(BLOCK - 1));
	struct piece *piece = given;

	if (!piece)
		return;
	piece->next = b->spare;
	b->spare = piece;
	if (!b->link)
		block_enlist(b);
	/* One empty block is kept for the next piece. */
	if (!--b->used && (b->pool->roomy != b || b->next))
		opt_values_free(b);
}

void pool_free(struct pool *p)
{
	while (p->roomy)
		opt_values_free(p->roomy);
}

#endif
