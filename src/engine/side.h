/* side.h - one socket of a connection: its known state, and how it is closed. */
#ifndef ENGINE_SIDE_H
#define ENGINE_SIDE_H

#include "engine/engine.h"

/* Notes the events that epoll reported. */
void side_note(struct side *, unsigned events);

/* Closes the socket. `ended`: the peer's FIN has been read. If not, the socket is drained first.
 * The note may be NULL; its `over` is called now or when the socket is drained. */
void side_close(struct conn *, struct side *, enum vn_end how, bool ended, struct drain_note *);

/* Formats the peer's address, or "gone" if the socket has no peer. Returns `buffer`. */
const char *side_peer(const struct side *, char *buffer, size_t size);

#endif
