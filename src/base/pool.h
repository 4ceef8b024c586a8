/* pool.h - allocator for short-lived structs of one size.
 *
 *   block: [ header | piece | piece | ... ]      64 KiB, aligned to 64 KiB
 *
 * A piece's address, rounded down, is its block. malloc would put such structs between long-lived
 * connections, and one connection keeps a whole page in use. An empty block is returned to the
 * system. A pool belongs to one thread. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool {
	size_t size;                    /* bytes of a piece */
	struct pool_block *roomy;       /* blocks with free pieces; the first is filled first */
	unsigned blocks;
};

/* `size`: bytes of a piece. */
void pool_init(struct pool *, size_t size);

/* Never NULL. The piece is not cleared. */
void *pool_take(struct pool *);

/* Returns a piece to the pool that it came from. NULL is allowed. */
void pool_give(void *);

/* Frees the blocks. All pieces must have been given back. */
void pool_free(struct pool *);

#endif
