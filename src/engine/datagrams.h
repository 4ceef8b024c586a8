/* datagrams.h - the socket of a proxy on udp://: start, change, stop. Worker 0's thread. */
#ifndef ENGINE_DATAGRAMS_H
#define ENGINE_DATAGRAMS_H

#include "engine/datagram.h"

/* Starts reading from `fd`, which the struct owns from now on. It is made by the first call, and
 * lives as long as the shard, which must have a listener. */
void datagrams_start(struct shard *, int fd);

/* Closes the socket and ends all flows. It can be started again. NULL is allowed. */
void datagrams_stop(struct datagrams *);
void datagrams_free(struct datagrams *);        /* NULL is allowed */

/* The shard has a new plan: flows change their rules, and the port opens or closes. */
void datagrams_change(struct datagrams *);

/* Ends all flows; NULL is allowed. */
void datagrams_end_all(struct datagrams *, enum close_reason);

#endif
