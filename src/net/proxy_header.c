/* proxy_header.c - parser of PROXY protocol headers, in which a load balancer names its client. */
#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 107, FIXED = 16, SIGNATURE = 12, ADDRESSES = 36 };

static const uint8_t signature[SIGNATURE] = "\r\n\r\n\0\r\nQUIT\n";

static struct proxy_header header_of(enum proxy_header_kind kind)
{
	return (struct proxy_header){ .kind = kind };
}

static void client_set(struct proxy_header *h, int family, const uint8_t *address, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&h->client.addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&h->client.addr;

	if (family == AF_INET) {
		*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
		memcpy(&v4->sin_addr, address, sizeof v4->sin_addr);
		h->client.len = sizeof *v4;
	} else {
		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		memcpy(&v6->sin6_addr, address, sizeof v6->sin6_addr);
		h->client.len = sizeof *v6;
	}
}

/* ---- version 2: signature, version and command, family, length (2 bytes, high byte first),
 *      addresses, extensions ---- */

static void binary_read_client(struct proxy_header *h, struct vn_span in)
{
	const uint8_t *p = in.p + FIXED;
	size_t n = h->length - FIXED;

	if ((in.p[12] & 0xf) != 1)      /* LOCAL: a connection of the balancer's own */
		return;
	if (in.p[13] >> 4 == 1 && n >= 12)
		client_set(h, AF_INET, p, (uint16_t)(p[8] << 8 | p[9]));
	else if (in.p[13] >> 4 == 2 && n >= 36)
		client_set(h, AF_INET6, p, (uint16_t)(p[32] << 8 | p[33]));
}

static struct proxy_header binary_find(struct vn_span in)
{
	struct proxy_header h = header_of(PROXY_FOUND);

	if (memcmp(in.p, signature, in.n < SIGNATURE ? in.n : SIGNATURE))
		return header_of(PROXY_NONE);
	if (in.n <= SIGNATURE)
		return header_of(in.n < SIGNATURE ? PROXY_UNSURE : PROXY_TORN);
	if (in.p[12] >> 4 != 2)
		return header_of(PROXY_BROKEN);
	if (in.n < FIXED)
		return header_of(PROXY_TORN);
	h.length = FIXED + ((size_t)in.p[14] << 8 | in.p[15]);
	if (in.n < (h.length < FIXED + ADDRESSES ? h.length : FIXED + ADDRESSES))
		return header_of(PROXY_TORN);
	binary_read_client(&h, in);
	return h;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n", at most 107 bytes ---- */

static const struct { const char *start; int family; const char *letters; } kinds[] = {
	{ "PROXY TCP4 ", AF_INET, "0123456789. " },
	{ "PROXY TCP6 ", AF_INET6, "0123456789abcdefABCDEF:. " },
	{ "PROXY UNKNOWN", AF_UNSPEC, NULL },
};

/* Reads "client server clientport serverport". False: it is malformed. */
static bool line_read_client(struct proxy_header *h, int family, const uint8_t *from, size_t n)
{
	char text[LINE_MAX_BYTES + 1], *rest = text, *words[4];
	uint8_t address[2][16];
	unsigned long ports[2];

	memcpy(text, from, n);
	text[n] = 0;
	for (unsigned i = 0; i < 4; i++)
		if (!(words[i] = strsep(&rest, " ")) || !*words[i])
			return false;
	for (unsigned i = 0; i < 2; i++) {
		char *end = words[2 + i];
		if (inet_pton(family, words[i], address[i]) != 1 ||
		    strspn(end, "0123456789") != strlen(end))
			return false;
		ports[i] = strtoul(end, NULL, 10);
		if (ports[i] > 65535)
			return false;
	}
	client_set(h, family, address[0], (uint16_t)ports[0]);
	return !rest;
}

/* Parses a line after its first `start` bytes, which gave `family` and the allowed `letters`. */
static struct proxy_header line_find(struct vn_span in, size_t start, int family,
                                     const char *letters)
{
	struct proxy_header h = header_of(PROXY_FOUND);
	size_t most = in.n < LINE_MAX_BYTES ? in.n : LINE_MAX_BYTES;

	for (size_t i = start; i < most; i++) {
		if (in.p[i] == '\r') {
			h.length = i + 2;
			if (i + 1 < most && in.p[i + 1] != '\n')
				return header_of(PROXY_BROKEN);
			if (family != AF_UNSPEC &&
			    !line_read_client(&h, family, in.p + start, i - start))
				return header_of(PROXY_BROKEN);
			return i + 1 < most ? h :
			       header_of(i + 1 < LINE_MAX_BYTES ? PROXY_TORN : PROXY_BROKEN);
		}
		if (i == start && family == AF_UNSPEC && in.p[i] != ' ')
			return header_of(PROXY_NONE);
		if (in.p[i] == '\n' || !in.p[i] || (letters && !strchr(letters, in.p[i])))
			return header_of(PROXY_BROKEN);
	}
	return header_of(most < LINE_MAX_BYTES ? PROXY_TORN : PROXY_BROKEN);
}

struct proxy_header proxy_header_find(struct vn_span in)
{
	if (!in.n || (in.p[0] != 'P' && in.p[0] != '\r'))
		return header_of(in.n ? PROXY_NONE : PROXY_UNSURE);
	if (in.p[0] == '\r')
		return binary_find(in);
	for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t n = strlen(kinds[i].start);
		if (in.n < n ? memcmp(in.p, kinds[i].start, in.n) : memcmp(in.p, kinds[i].start, n))
			continue;
		return in.n < n ? header_of(PROXY_UNSURE) :
		                  line_find(in, n, kinds[i].family, kinds[i].letters);
	}
	return header_of(PROXY_NONE);
}
