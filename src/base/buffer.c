/* buffer.c - growing byte buffer: bytes are appended and read as one span. */
#include "base/buffer.h"

#include <assert.h>
#include <ctype.h>
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

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* The name whose example stands here; NULL: none does. */
static const struct vn_name *name_at(const char *text, const char *at, const struct vn_name *names,
                                     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(names[i].example);
		bool alone = (at == text || !in_word(at[-1])) &&
		             !strncmp(at, names[i].example, length) && !in_word(at[length]);
		if (alone && names[i].real.p)
			return &names[i];
	}
	return NULL;
}

size_t vn_text_named(char *to, size_t room, const char *text, const struct vn_name *names, size_t n)
{
	size_t done = 0;

	for (const char *at = text; *at && done < room; ) {
		const struct vn_name *name = name_at(text, at, names, n);
		struct vn_span part =
			name ? name->real : (struct vn_span){ (const uint8_t *)at, 1 };
		at += name ? strlen(name->example) : 1;
		if (part.n > room - done)
			part.n = room - done;
		memcpy(to + done, part.p, part.n);
		done += part.n;
	}
	return done;
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
