/* blackhole.h - sockets that answer nobody, as if their machine were gone.
 *
 * A filter on the socket drops what arrives before TCP sees it: no ACK, no RST, and on a listening
 * socket no answer to a SYN. Linux lets only the privileged attach one to a TCP socket; elsewhere
 * the callers do what comes nearest. */
#ifndef NET_BLACKHOLE_H
#define NET_BLACKHOLE_H

#include <stdbool.h>

bool blackhole_possible(void);             /* tried once, on a socket of its own */
bool blackhole_on(int fd);              /* false: not possible here */
void blackhole_off(int fd);

#endif
