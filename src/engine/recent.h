/* recent.h - a record of a proxy's requests of the last ten seconds, while somebody looks.
 *
 * A shard has one from recent_take() on, until nobody has called that for RECENT_IDLE. It keeps
 * some hundred requests a second: each entry stands for itself and for those left out before it.
 * All of it is for the worker's thread. */
#ifndef ENGINE_RECENT_H
#define ENGINE_RECENT_H

#include "engine/engine.h"

enum {
	RECENT_MAX  = 1024,             /* entries of a shard */
	RECENT_TEXT = 512,              /* bytes of a request's text that are kept */
	RECENT_SPAN = 10,               /* seconds that are looked back */
	RECENT_IDLE = 15,               /* seconds without a look, after which it ends */
	RECENT_VERBS = 64,              /* verbs that are counted; a power of two */
};

struct recent_entry {
	vn_nsec at;                     /* monotonic */
	uint64_t connection, exchange;
	uint32_t stands;                /* for so many requests */
	uint16_t n;                     /* bytes of text */
	char verb[24];
	uint8_t text[RECENT_TEXT];      /* "VERB subject", as a match sees it, but cut */
};

struct recent_verb { char name[24]; uint64_t n; };      /* n 0: none */

struct recent_list {
	struct recent_entry *of;        /* n entries, the oldest first; to be freed */
	size_t n;
	vn_nsec since;                  /* when the record began */
	struct recent_verb verbs[RECENT_VERBS];         /* requests since then; exact */
};

/* Copies what is recorded, and begins to record if the shard does not. */
void recent_take(struct shard *, struct recent_list *);

/* A request of an exchange. Call it if the shard has a record. */
void recent_note(struct shard *, uint64_t connection, uint64_t exchange, const struct vn_message *);

void recent_stop(struct shard *);       /* if it has one */

#endif
