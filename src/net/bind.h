/* bind.h - binds a socket and listens on it, for proxies and for the control API.
 *
 * A unix path that a killed process left behind is taken over; a path that is in use, or is no
 * socket, is "address already in use". */
#ifndef NET_BIND_H
#define NET_BIND_H

#include "base/text.h"
#include "net/address.h"

/* Never blocks. *bound: the address as the kernel has it, with the port that it chose for port 0.
 * Returns a listening, non-blocking socket, or a negative errno. */
int bind_listen(const struct endpoint *, int64_t backlog, struct endpoint *bound);

/* Where to listen. It may look a name up, and so block: for the start only. False: `error` says
 * why. */
bool bind_resolve(const struct address *, struct endpoint *, char *error, size_t size);

/* Both together. -1: `error` says why. */
int bind_address(const struct address *, int64_t backlog, struct endpoint *bound, char *error,
                 size_t size);

/* The API's socket; *at is where. `host`: a name, an address or unix:/PATH; port 0: any free one.
 * It may block, as bind_resolve. -1: `error` says why. */
int bind_api(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX]);

#endif
