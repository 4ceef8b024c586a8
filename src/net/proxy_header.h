/* proxy_header.h - the header of the PROXY protocol, in which a load balancer names its client.
 *
 * Version 1 is a line, version 2 is binary: haproxy.org, proxy-protocol.txt. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "net/address.h"
#include "vaurien.h"

enum proxy_header_kind {
	PROXY_NONE,                     /* the stream does not begin with one */
	PROXY_UNSURE,                   /* it may: too few bytes are there to know */
	PROXY_TORN,                     /* it does, and the rest is still to come: at most 107 bytes */
	PROXY_BROKEN,                   /* it does, and breaks the rules: its end is not known */
	PROXY_FOUND,
};

struct proxy_header {
	enum proxy_header_kind kind;
	size_t length;                  /* of the whole header, which may be more than is there */
	struct endpoint client;         /* len 0: it names none */
};

struct proxy_header proxy_header_find(struct vn_span);

#endif
