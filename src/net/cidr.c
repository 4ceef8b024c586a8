/* cidr.c - networks of IPv4 and IPv6 addresses, such as 10.0.0.0/8. */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Reads the 8 of 10.0.0.0/8. On entry *bits is the maximum. */
static bool bits_read(unsigned *bits, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || n > *bits)
		return false;
	*bits = (unsigned)n;
	return true;
}

/* ::ffff:10.0.0.0/104 becomes 10.0.0.0/8, so that it matches IPv4 clients. */
static void network_unmap(struct network *n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (n->family != AF_INET6 || n->bits < 96 || memcmp(n->address, mapped, sizeof mapped))
		return;
	memmove(n->address, n->address + sizeof mapped, 4);
	n->family = AF_INET;
	n->bits -= 96;
}

bool network_read(struct network *n, const char *text)
{
	char host[64];
	size_t len = strcspn(text, "/");

	if (len >= sizeof host)
		return false;
	snprintf(host, sizeof host, "%.*s", (int)len, text);
	n->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	n->bits = n->family == AF_INET6 ? 128 : 32;
	if (inet_pton(n->family, host, n->address) != 1 ||
	    (text[len] && !bits_read(&n->bits, text + len + 1)))
		return false;
	network_unmap(n);
	return true;
}

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);

	return !memcmp(a, b, bits / 8) && (bits % 8 == 0 || !((a[bits / 8] ^ b[bits / 8]) & mask));
}

bool network_contains(const struct network *n, const struct endpoint *e)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&e->addr;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&e->addr;
	const uint8_t *address = v6->sin6_addr.s6_addr;
	int family = e->addr.ss_family;

	if (!n->family)
		return true;
	if (family == AF_INET) {
		address = (const uint8_t *)&v4->sin_addr;
	} else if (family == AF_INET6 && n->family == AF_INET &&
	           IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		address += 12;
		family = AF_INET;
	}
	return family == n->family && same_prefix(address, n->address, n->bits);
}
