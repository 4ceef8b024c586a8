/* pool.h - memory for small things of one size that come and go by thousands, kept apart from what
 * stays.
 *
 *   block: [ header | piece | piece | ... ]      64 KiB, aligned to that: a piece finds its block
 * by its address
 *
 * Malloc would put them between the connections that they belong to, and a page that holds one
 * connection cannot be given back. A block that is empty is. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool {                           /* one thread's */
	size_t size;                    /* of a piece */
	/* blocks in which there is room, the one to be filled first */
	struct pool_block *roomy;
	unsigned blocks;
};

void pool_init(struct pool *, size_t size);
void *pool_take(struct pool *);         /* not cleared */
void pool_give(void *);                 /* back to the pool it came from; NULL is nothing */
void pool_free(struct pool *);          /* when all has come back */

#endif
