/* handshake.h - the time before a side is open: TLS begins on the two legs of a connection.
 *
 * A connection has a `struct handshake` while a leg of it is about to begin TLS. Both legs go on at
 * the same time. It is freed when no leg has anything left to do, or with the connection. */
#ifndef ENGINE_HANDSHAKE_H
#define ENGINE_HANDSHAKE_H

#include "engine/engine.h"

/* The client was accepted: its side is opened now, or after a handshake. */
void handshake_accepted(struct conn *);

/* The same when the backend is connected. */
void handshake_connected(struct conn *);

/* Goes on with both legs. It may doom the connection. */
void handshake_run(struct conn *);

/* A protocol wants the handshake of a leg to begin where `p` is now: VN_CUT_TLS. The bytes from *at
 * on were read from p's side. What is consumed of them is taken from *at; the pipe cuts the rest
 * again when the handshake is done. */
void handshake_cut(struct pipe *p, struct vn_span *at, const struct vn_cut *);

/* All that was to be sent before it has been sent: the handshake of this side begins. */
void handshake_upgrade(struct conn *, struct side *);

void handshake_free(struct conn *);

#endif
