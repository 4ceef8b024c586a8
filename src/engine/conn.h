/* conn.h - lifetime of a connection: open, run, tear down. */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

#include "engine/engine.h"

/* Opens a connection for an accepted client. `spare` is a socket for its backend, or -1. The
 * connection owns both descriptors, and the birth: NULL if it was accepted here. */
void conn_open(struct shard *, int fd, int spare, uint64_t number, struct birth *);

/* Moves bytes both ways until nothing moves, then tears the connection down if it is doomed. */
void conn_run(struct conn *);

/* Connects to the backend: now, or when the rules that delay it allow it. */
void conn_connect_when_due(struct conn *);

/* Ends the connection with VN_CLOSE or VN_RESET. It is torn down now, or by the conn_run() that is
 * on the stack. Later calls have no effect. */
void conn_end(struct conn *, enum vn_end, enum close_reason);

#endif
