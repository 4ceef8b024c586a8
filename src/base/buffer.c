/* buffer.c - bytes in the making: put at the end, read as one span. */
#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static uint8_t *buffer_grow(struct vn_buffer *o, size_t n)
{
	size_t room = o->room ? o->room : 64;

	assert(n <= SIZE_MAX / 2 - o->n);
	while (room < o->n + n)
		room *= 2;
	if (room > o->room) {
		o->p = xrealloc(o->p, room);
		o->room = room;
	}
	o->n += n;
	return o->p + o->n - n;
}

void vn_buffer_put(struct vn_buffer *o, const void *bytes, size_t n)
{
	if (n)
		memcpy(buffer_grow(o, n), bytes, n);
}

void vn_buffer_byte(struct vn_buffer *o, uint8_t byte)
{
	*buffer_grow(o, 1) = byte;
}

struct vn_span vn_buffer_span(const struct vn_buffer *o)
{
	return (struct vn_span){ o->p, o->n };
}

void buffer_free(struct vn_buffer *o)
{
	free(o->p);
	*o = (struct vn_buffer){ 0 };
}
