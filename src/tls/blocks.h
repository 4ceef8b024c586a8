/* blocks.h - memory for what TLS needs for a moment, apart from the heap.
 *
 * OpenSSL takes the buffers of handshakes and records between small things that stay as long as the
 * connection. In the heap they would leave holes, and small things would fill them in part: up to
 * 25 kB for each connection. All functions are for any thread. */
#ifndef TLS_BLOCKS_H
#define TLS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

/* NULL: n is no size of such a buffer, or there is none left. Then it is the heap's. */
void *block_take(size_t n);

/* Bytes of this block; 0: it is none. */
size_t block_size(const void *);

/* False: it is none. */
bool block_give(void *);

#endif
