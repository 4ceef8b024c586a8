/* proxy_header.h - parser of PROXY protocol headers, in which a load balancer names its client.
 *
 * Version 1 is a line of text, version 2 is binary: haproxy.org, proxy-protocol.txt. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "net/address.h"
#include "vaurien.h"

enum proxy_header_kind {
	PROXY_NONE,                     /* the stream does not begin with a header */
	PROXY_UNSURE,                   /* too few bytes to decide */
	PROXY_TORN,                     /* a header, and more of it is needed: at most 107 bytes */
	PROXY_BROKEN,                   /* a malformed header; its length is unknown */
	PROXY_FOUND,
};

struct proxy_header {
	enum proxy_header_kind kind;
	size_t length;                  /* of the whole header; it may exceed the bytes given */
	struct endpoint client;         /* len 0: the header names none */
};

/* Parses the beginning of a stream. `length` and `client` are set for PROXY_FOUND only. */
struct proxy_header proxy_header_find(struct vn_span);

#endif
