/* datagram_flow.h - sessions of datagrams: open, find, end. */
#ifndef ENGINE_DATAGRAM_FLOW_H
#define ENGINE_DATAGRAM_FLOW_H

#include "engine/datagram.h"

/* The flow of this key; a new one, if there is none. NULL: it cannot be opened, or a rule has ended
 * it at once. Another may be evicted for it. */
struct flow *flow_get(struct datagrams *, const struct flow_key *);

/* It has moved a datagram. */
void flow_touch(struct flow *);

/* Ends it. Its memory is freed at the end of the loop's round. */
void flow_end(struct flow *, enum close_reason);

/* The timer `idle` of a struct datagrams: ends what has been idle for long. */
void flows_expire(struct timer *);

/* Ends it if it is doomed. */
void flow_check(struct flow *);

#endif
