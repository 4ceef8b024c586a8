/* side.h - one socket of a connection: what is known of it, and how it is closed. */
#ifndef ENGINE_SIDE_H
#define ENGINE_SIDE_H

#include "engine/engine.h"

void side_note(struct side *, unsigned events);         /* of epoll */
void side_open(struct side *);          /* it is connected; events tell when there is something to read */

/* `ended`: the peer's own end has been read. Where it was not, the socket is drained before it is closed. */
void side_close(struct conn *, struct side *, enum vn_end how, bool ended);

const char *side_peer(const struct side *, char *buffer, size_t size);  /* its address; "gone": it has none any more */

#endif
