/* socket.h - options and peer address of a connected socket. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "net/address.h"
#include "vaurien.h"

/* Sets TCP_NODELAY, so that no byte waits for the next one, and SO_KEEPALIVE, so that the kernel
 * detects a vanished peer. Unix sockets ignore it. */
void socket_set_nodelay_keepalive(int fd);

/* Sets the keep-alive interval, in ns, rounded up to seconds: 1 s to 1 h. */
void socket_set_probe_interval(int fd, vn_nsec every);

/* Reads the peer's address. False, with len 0: there is no peer. fd may be -1. */
bool socket_peer(int fd, struct endpoint *);

/* close() sends an RST from now on. */
void socket_reset_on_close(int fd);

/* There is no descriptor or no memory for another socket: errno after accept() or socket(). */
bool socket_none_left(int error);

/* Datagrams that the kernel has dropped because the socket was full, since it was made. */
uint64_t socket_drops(int fd);

/* Bytes that may wait in it, each way; as many as the system allows. */
void socket_set_room(int fd, int bytes);

#endif
