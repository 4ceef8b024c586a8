/* drain.h - half-closed sockets, read until their peer closes too.
 *
 * A socket that is closed with bytes unread sends a RST, which may destroy what the peer has not
 * read yet. So it is drained until the peer's end, for 1 s or 1 MiB at most. */
#ifndef NET_DRAIN_H
#define NET_DRAIN_H

#include "base/loop.h"

struct drains {                         /* a thread's; zeroed but for the first three at start */
	struct loop *loop;
	uint8_t *buffer; size_t size;   /* where bytes are read to, and thrown away */
	struct drain *first;
};

/* takes the descriptor over; its sending side is shut */
void drain_start(struct drains *, int fd);

/* Takes it over too, and resets it after `grace`, or at the first byte or end that comes. A client
 * with an event loop reads SO_ERROR some time after its connect: an RST that comes before that
 * fails the connect itself, which no network does. */
void drain_reset(struct drains *, int fd, vn_nsec grace);
void drains_close(struct drains *);             /* all of them, now */

#endif
