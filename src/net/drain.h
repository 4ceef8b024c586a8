/* drain.h - half-closed sockets, read until the peer closes too.
 *
 * Closing a socket with unread bytes sends an RST, and that may destroy what the peer has not read
 * yet. So the worker reads on until the peer closes, for at most 1 s or 1 MiB. */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include "base/loop.h"

/* What somebody wants to know of one socket. Its memory is the caller's until `over`, which is
 * called once, when the socket is closed: did the peer close its side before? */
struct drain_note { void (*over)(struct drain_note *, bool closed); };

/* A worker's. Its owner sets the first three members; the rest is zero. */
struct drains {
	struct loop *loop;
	uint8_t *buffer; size_t size;   /* bytes are received here and discarded */
	struct drain *first;
};

/* Takes ownership of the descriptor. Its sending side must be shut down. The note may be NULL. */
void drain_start(struct drains *, int fd, struct drain_note *);

/* Takes ownership, too. Resets the connection after `grace` ns, or when bytes or the peer's FIN
 * arrive. A client with an event loop reads SO_ERROR some time after its connect. An RST before
 * that would fail the connect itself. */
void drain_reset(struct drains *, int fd, vn_nsec grace);

/* Closes all sockets now. */
void drains_close(struct drains *);

#endif
