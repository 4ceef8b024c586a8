/* buffer.h - bytes in the making: put at the end, read as one span. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "vaurien.h"

/* n of `room` bytes are filled; all zero is empty */
struct vn_buffer { uint8_t *p; size_t n, room; };


/* empty; the memory stays for what comes next */
static inline void buffer_clear(struct vn_buffer *o)
{
	o->n = 0;
}

void buffer_free(struct vn_buffer *);

#endif
