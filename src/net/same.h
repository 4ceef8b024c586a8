/* same.h - is it the same address? */
#ifndef NET_SAME_H
#define NET_SAME_H

#include "net/address.h"

/* An IPv4 address is not the same as one mapped to IPv6. `udp` is not compared. */
bool endpoint_same(const struct endpoint *, const struct endpoint *);

#endif
