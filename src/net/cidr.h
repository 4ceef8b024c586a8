/* cidr.h - networks of IPv4 and IPv6 addresses, such as 10.0.0.0/8. Plain values. */
#ifndef NET_CIDR_H
#define NET_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

struct network {
	int family;                     /* AF_INET, AF_INET6; 0: all addresses */
	uint8_t address[16];            /* AF_INET uses the first 4 bytes */
	unsigned bits;                  /* length of the prefix, 0 to 32 or 128 */
};

/* Reads "10.0.0.0/8" or a single address. False: it is neither, and the network is undefined. */
bool network_read(struct network *, const char *text);

/* An IPv4 address mapped to IPv6 (::ffff:10.0.0.1) belongs to the IPv4 network. */
bool network_contains(const struct network *, const struct endpoint *);

#endif
