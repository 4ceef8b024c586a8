/* datagram_pass.h - a datagram passes: its message is found, the rules judge it, it leaves. */
#ifndef ENGINE_DATAGRAM_PASS_H
#define ENGINE_DATAGRAM_PASS_H

#include "engine/datagram.h"

/* `bytes` may be edited, and must stay until outbox_flush(). The flow may be doomed afterwards. */
void datagram_pass(struct flow *, enum vn_direction, uint8_t *bytes, size_t n);

/* Its open exchanges get no answer. */
void flow_exchanges_end(struct flow *);

#endif
