/* conn.h - the life of one connection: opened, run, torn down. */
#ifndef ENGINE_CONN_H
#define ENGINE_CONN_H

#include "engine/engine.h"

/* A client was accepted; `spare` is a socket for its backend. Both descriptors pass over. */
void conn_open(struct shard *, int fd, int spare, uint64_t number);

void conn_run(struct conn *);           /* both pipes go as far as they go */
void conn_connect_when_due(struct conn *);      /* to the backend: now, or when the rules that make it wait let it */

/* VN_CLOSE or VN_RESET: torn down now, or by the conn_run that is on the stack. It may be called twice. */
void conn_end(struct conn *, enum vn_end, enum close_reason);

#endif
