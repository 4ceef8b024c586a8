/* text_cache.h - bounded cache of texts by number, such as a connection's prepared statements.
 *
 *   oldest -> text -> text -> newest        and by key: slots[hash] -> text -> text
 *
 * When the room is used up, the oldest texts are dropped. A cache is part of its connection.
 * Protocols use it with the vn_text_cache functions of vaurien.h. */
#ifndef BASE_TEXT_CACHE_H
#define BASE_TEXT_CACHE_H

#include "vaurien.h"

enum { TEXT_CACHE_ROOM = 1 << 20 };

struct vn_text_cache {
	size_t room, used;              /* bytes, with the overhead of each text */
	struct cached_text *oldest, *newest;
	struct cached_text **slots;     /* allocated with the first text */
};

/* `room`: bytes, normally TEXT_CACHE_ROOM. */
void text_cache_init(struct vn_text_cache *, size_t room);

/* Drops all texts. The cache is empty then, and usable again. */
void text_cache_free(struct vn_text_cache *);

#endif
