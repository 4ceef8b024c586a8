/* bind.h - opens the socket that the control API is served on. */
#ifndef NET_BIND_H
#define NET_BIND_H

#include <stdint.h>

#include "net/address.h"
#include "base/text.h"

/* A listening socket; *at is where. `host`: a name, an address or unix:/path; port 0: any free one.
 * -1: `error` says why. Looks names up, so it may block: for the start only. */
int door_open(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX]);

#endif
