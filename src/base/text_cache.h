/* text_cache.h - bounded memory for texts that a connection will speak of again by number.
 *
 *   oldest -> text -> text -> newest        and by key: slots[hash] -> text -> text
 *
 * Texts are kept in the order they came; when the room is used up the oldest go. */
#ifndef BASE_TEXT_CACHE_H
#define BASE_TEXT_CACHE_H

#include "vaurien.h"

enum { TEXT_CACHE_ROOM = 1 << 20 };

struct vn_text_cache {
	size_t room, used;              /* bytes, what a text costs to keep included */
	struct cached_text *oldest, *newest;
	struct cached_text **slots;         /* allocated with the first text */
};

/* TEXT_CACHE_ROOM, unless there is a reason */
void text_cache_init(struct vn_text_cache *, size_t room);
void text_cache_free(struct vn_text_cache *);

#endif
