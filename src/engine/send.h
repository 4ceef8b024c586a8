/* send.h - sending half of a pipe: due parcels, at the pace that rules set. */
#ifndef ENGINE_SEND_H
#define ENGINE_SEND_H

#include "engine/engine.h"

/* Sends the due parcels until the socket is full, and sets the pipe's timer for the rest. */
void send_due(struct pipe *);

/* The number of bytes that may wait for their pace while more is read. Bytes read now will be
 * `late` ns late, and meanwhile the line must not become empty. */
size_t send_ahead(const struct pipe *, vn_nsec late);

#endif
