/* blackhole.h - sockets that drop all incoming packets, as if their machine were gone.
 *
 * A filter on the socket drops packets before TCP processes them: no ACK, no RST, and on a
 * listening socket no reply to a SYN. Linux may require privileges for such a filter. Without it,
 * callers do the nearest thing that is possible. */
#ifndef NET_BLACKHOLE_H
#define NET_BLACKHOLE_H

#include <stdbool.h>

/* True if filters can be set. Tried once, on a socket of its own; any thread. */
bool blackhole_possible(void);

bool blackhole_on(int fd);              /* false: not possible */
void blackhole_off(int fd);

#endif
