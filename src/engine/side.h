/* side.h - one socket of a connection: what is known of it, and how it is closed. */
#ifndef ENGINE_SIDE_H
#define ENGINE_SIDE_H

#include "engine/engine.h"

void side_note(struct side *, unsigned events);         /* of epoll */
/* it is connected; events tell when there is something to read */
void side_open(struct side *);

/* `ended`: the peer's own end has been read. Where it was not, the socket is drained before it is
 * closed. */
void side_close(struct conn *, struct side *, enum vn_end how, bool ended);

/* its address; "gone": it has none any more */
const char *side_peer(const struct side *, char *buffer, size_t size);

#endif
