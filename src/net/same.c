/* same.c - is it the same address? */
#include "net/same.h"

#include <netinet/in.h>
#include <string.h>

#include "net/unix_socket.h"

bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
	const struct sockaddr_in *x4 = (const void *)&a->addr, *y4 = (const void *)&b->addr;
	const struct sockaddr_in6 *x6 = (const void *)&a->addr, *y6 = (const void *)&b->addr;
	const char *path = unix_socket_path(a), *other = unix_socket_path(b);

	if (a->addr.ss_family != b->addr.ss_family)
		return false;
	switch (a->addr.ss_family) {
	case AF_INET:
		return x4->sin_port == y4->sin_port && x4->sin_addr.s_addr == y4->sin_addr.s_addr;
	case AF_INET6:
		return x6->sin6_port == y6->sin6_port && x6->sin6_scope_id == y6->sin6_scope_id &&
		       !memcmp(&x6->sin6_addr, &y6->sin6_addr, sizeof x6->sin6_addr);
	case AF_UNIX:
		return path && other && !strcmp(path, other);
	}
	return false;
}
