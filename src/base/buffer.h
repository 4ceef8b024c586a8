/* buffer.h - growing byte buffer: bytes are appended and read as one span.
 *
 * The struct belongs to the caller, its memory to the buffer until buffer_free(). Guests append
 * with vn_buffer_put() and vn_buffer_byte() (vaurien.h). */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "vaurien.h"

/* All zero: an empty buffer. */
struct vn_buffer {
	uint8_t *p;
	size_t n, room;                 /* bytes filled, bytes allocated */
};


/* Empties the buffer. Its memory stays, for reuse. */
static inline void buffer_clear(struct vn_buffer *o)
{
	o->n = 0;
}

/* Frees the memory. The buffer is empty then, and usable again. */
void buffer_free(struct vn_buffer *);

#endif
