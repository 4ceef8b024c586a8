/* socket.h - options of a connected socket, and whom it is connected to. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "net/address.h"
#include "vaurien.h"

/* No byte waits for the next one (TCP_NODELAY), and a peer that is gone without a word is noticed
 * in the system's time (keep-alive). A unix socket ignores it. */
void socket_set_nodelay_keepalive(int fd);

void socket_set_probe_interval(int fd, vn_nsec every);  /* ... in about this time: 1 s to 1 h */

/* false, len 0: it has none (any more); fd -1 is allowed */
bool socket_peer(int fd, struct endpoint *);

void socket_reset_on_close(int fd);                     /* close() sends a RST */

#endif
