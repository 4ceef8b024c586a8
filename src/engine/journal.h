/* journal.h - what happened, as whoever saw it tells it: any thread, where somebody wants to know.
 *
 *   news -> ring -> control thread: see events.h
 */
#ifndef NEWS_H
#define NEWS_H

#include <stdatomic.h>

#include "vaurien.h"

struct ring;

enum news_type {
	NEWS_OPENED, NEWS_CLOSED,       /* a connection */
	NEWS_FAULT,                     /* a rule strikes an exchange, or a whole connection */
	NEWS_UNREACHABLE,               /* ... or would, and cannot */
	NEWS_MISSED,                    /* ... or has found nothing to strike */
	NEWS_RAW,                       /* a connection's parser gives up */
	NEWS_CHANGED,                   /* the configuration, by someone */
	NEWS_LOST,                      /* so many that a reader has missed */
	NEWS_TYPES
};

extern const char *const news_names[NEWS_TYPES];

enum { NEWS_ROOM = 2048, NEWS_WORDS = 200 };    /* bytes of all; of one text, which is cut there */

struct news {
	vn_nsec at;                        /* by the monotonic clock */
	uint16_t type, n;
	char text[NEWS_ROOM];           /* n bytes: "proxy": "NAME", "key": value, ... */
};

#define NEWS_HEAD offsetof(struct news, text)

extern _Atomic unsigned news_wanted;            /* bits of enum news_type: what anyone wants to know */
extern struct ring news_ring;                   /* the head of each and the part of its text that is used */

static inline bool news_want(enum news_type t)
{
	return __builtin_expect(atomic_load_explicit(&news_wanted, memory_order_relaxed) >> t & 1, 0);
}

void news_begin(struct news *, enum news_type, vn_nsec at, const char *proxy);
void news_words(struct news *, const char *key, const char *words);     /* of whatever bytes */
void news_count(struct news *, const char *key, uint64_t n);
void news_seconds(struct news *, const char *key, vn_nsec);
void news_tell(const struct news *);

#endif
