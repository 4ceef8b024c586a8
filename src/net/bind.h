/* bind.h - listening sockets of proxies and of the control API. Control thread only.
 *
 * The path of a unix socket is reused if no process has it open. A path that is in use, or that is
 * no socket, is the error "address already in use". The caller owns the sockets. */
#ifndef NET_BIND_H
#define NET_BIND_H

#include "base/text.h"
#include "net/address.h"

/* Never blocks. Returns a listening, non-blocking socket, or a negative errno. *bound is the
 * kernel's address, with the port that it chose for port 0. A socket for datagrams (`udp`) is
 * bound, and gets what the kernel knows of each datagram's destination. */
int bind_listen(const struct endpoint *, int64_t backlog, struct endpoint *bound);

/* The same for datagrams, where `old`, a socket of ours, may be bound to the port already. */
int bind_beside(const struct endpoint *, int old, struct endpoint *bound);

/* Lets another socket of ours bind to the address of this one, which is for datagrams; or no
 * longer. */
void bind_share(int fd, bool shared);

/* Finds the endpoint to listen on. It may look up a name and block, so it is for the start only.
 * False: `error` has the reason. */
bool bind_resolve(const struct address *, struct endpoint *, char *error, size_t size);

/* bind_resolve(), then bind_listen(). -1: `error` has the reason. */
int bind_address(const struct address *, int64_t backlog, struct endpoint *bound, char *error,
                 size_t size);

/* The API's socket. `host`: a name, an address or unix:/PATH. `port`: 0 to 65535; 0 is any free
 * port. *at is the kernel's address. It may block. -1: `error` has the reason. */
int bind_api(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX]);

#endif
