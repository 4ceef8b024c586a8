/* datagram_send.h - datagrams leave: collected, and sent by one call of the kernel. */
#ifndef ENGINE_DATAGRAM_SEND_H
#define ENGINE_DATAGRAM_SEND_H

#include "engine/datagram.h"

/* Sends the bytes, which must stay where they are until outbox_flush(). To the backend: the flow
 * must be connected. */
void datagram_send(struct flow *, enum vn_direction, const uint8_t *bytes, size_t n);

/* Sends what is left in the thread's outbox. */
void outbox_flush(struct worker *);

/* Counts datagrams that are lost. */
void datagrams_lost(struct shard *, enum datagram_loss, uint64_t n);

#endif
