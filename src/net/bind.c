/* bind.c - listening sockets of proxies and of the control API. */
#include "net/bind.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/socket.h"
#include "net/unix_socket.h"

/* ---- binding ---- */

/* Port 0 is bound without SO_REUSEADDR: with it, the kernel searches half of the ports, slowly. */
static int socket_bind(const struct endpoint *e)
{
	bool any_port = !endpoint_port(e);
	int on = 1, fd = socket(e->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!any_port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&e->addr, e->len) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

static int socket_bind_unix(const struct endpoint *e)
{
	const char *path = unix_socket_path(e);
	int fd = socket_bind(e);

	if (fd == -EADDRINUSE && path && unix_socket_remove_stale(path))
		fd = socket_bind(e);
	return fd;
}

/* A port that the kernel chose is lost when the socket stops listening. So a first socket finds a
 * free port, and a second one is bound to its number. */
static int socket_bind_any_port(const struct endpoint *e)
{
	struct endpoint named = *e;
	socklen_t len = sizeof named.addr;
	int on = 1, scout = socket_bind(e);

	if (scout < 0)
		return scout;
	getsockname(scout, (struct sockaddr *)&named.addr, &len);
	/* With SO_REUSEADDR on both, two sockets can be bound to the port. */
	setsockopt(scout, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	int fd = socket_bind(&named);
	close(scout);
	return fd;
}

/* ---- datagrams ---- */

enum { DATAGRAM_ROOM = 4 << 20 };       /* bytes that may wait in a socket, if the system allows */

void bind_share(int fd, bool shared)
{
	int on = shared;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/* On a wildcard, answers must leave from the address that the client has asked. */
static void datagram_options(int fd, int family)
{
	int on = 1;

	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	socket_set_room(fd, DATAGRAM_ROOM);
}

static int datagram_bind(const struct endpoint *e, bool shared, struct endpoint *bound)
{
	int fd = socket(e->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (shared)
		bind_share(fd, true);
	if (bind(fd, (const struct sockaddr *)&e->addr, e->len) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	datagram_options(fd, e->addr.ss_family);
	*bound = (struct endpoint){ .len = sizeof bound->addr, .udp = true };
	getsockname(fd, (struct sockaddr *)&bound->addr, &bound->len);
	return fd;
}

/* A port that the kernel chose is lost when the socket is disconnected, which is how a rule opens
 * it again. So it is bound a second time, by its number. */
static int datagram_bind_any_port(const struct endpoint *e, struct endpoint *bound)
{
	int fd, scout = datagram_bind(e, false, bound);

	if (scout < 0)
		return scout;
	fd = bind_beside(bound, scout, bound);
	close(scout);
	return fd;
}

int bind_beside(const struct endpoint *e, int old, struct endpoint *bound)
{
	struct endpoint at = *e;

	bind_share(old, true);
	int fd = datagram_bind(&at, true, bound);
	bind_share(old, false);
	if (fd >= 0)
		bind_share(fd, false);
	return fd;
}

int bind_listen(const struct endpoint *e, int64_t backlog, struct endpoint *bound)
{
	if (e->udp)
		return endpoint_port(e) ? datagram_bind(e, false, bound) :
		                          datagram_bind_any_port(e, bound);
	bool unix_path = e->addr.ss_family == AF_UNIX;
	int fd = unix_path        ? socket_bind_unix(e) :
	         endpoint_port(e) ? socket_bind(e) :
	                            socket_bind_any_port(e);

	if (fd < 0)
		return fd;
	socket_set_nodelay_keepalive(fd);       /* accepted sockets inherit it */
	if (listen(fd, backlog > INT32_MAX ? INT32_MAX : (int)backlog) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	*bound = (struct endpoint){ .len = sizeof bound->addr };
	getsockname(fd, (struct sockaddr *)&bound->addr, &bound->len);
	return fd;
}

/* ---- the address of a proxy ---- */

bool bind_resolve(const struct address *a, struct endpoint *e, char *error, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	char service[16];

	if (address_numeric(a, true, e))
		return true;
	snprintf(service, sizeof service, "%d", a->port);
	int rc = getaddrinfo(a->host, service, &hints, &list);
	if (rc) {
		snprintf(error, size, "cannot listen on '%s': %s", a->text, gai_strerror(rc));
		return false;
	}
	memset(e, 0, sizeof *e);
	memcpy(&e->addr, list->ai_addr, list->ai_addrlen);
	e->len = list->ai_addrlen;
	e->udp = a->udp;
	freeaddrinfo(list);
	return true;
}

int bind_address(const struct address *a, int64_t backlog, struct endpoint *bound, char *error,
                 size_t size)
{
	struct endpoint e;

	if (!bind_resolve(a, &e, error, size))
		return -1;
	int fd = bind_listen(&e, backlog, bound);
	if (fd < 0)
		snprintf(error, size, "cannot listen on '%s': %s", a->text, strerror(-fd));
	return fd < 0 ? -1 : fd;
}

/* ---- the address of the API ---- */

static bool api_resolve_unix(const char *path, struct endpoint *at, char error[ERROR_MAX])
{
	struct sockaddr_un *un = (struct sockaddr_un *)&at->addr;

	if (!path[0] || strlen(path) >= sizeof un->sun_path) {
		snprintf(error, ERROR_MAX,
		         "http-host: expected unix: and a path of 1 to %zu bytes, "
		         "got '%.100s'",
		         sizeof un->sun_path - 1, path);
		return false;
	}
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	at->len = sizeof *un;
	return true;
}

static bool api_resolve(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	char name[256], service[16];

	if (strncmp(host, "unix:", 5) == 0)
		return api_resolve_unix(host + 5, at, error);
	if (port < 0 || port > 65535) {
		snprintf(error, ERROR_MAX, "http-port: expected a number from 0 to 65535, got %lld",
		         (long long)port);
		return false;
	}
	size_t n = strlen(host);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
		snprintf(name, sizeof name, "%.*s", (int)(n - 2), host + 1);
	/* The resolver may return ::1 for localhost, but most clients try 127.0.0.1 first. */
	else
		snprintf(name, sizeof name, "%s",
		         strcmp(host, "localhost") == 0 ? "127.0.0.1" : host);
	snprintf(service, sizeof service, "%d", (int)port);
	int rc = getaddrinfo(name[0] ? name : NULL, service, &hints, &found);
	if (rc != 0) {
		snprintf(error, ERROR_MAX,
		         "http-host: expected a name or an address, got '%.100s': %s", host,
		         gai_strerror(rc));
		return false;
	}
	memcpy(&at->addr, found->ai_addr, found->ai_addrlen);
	at->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

int bind_api(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX])
{
	struct endpoint wanted = { .len = 0 };

	if (!api_resolve(host, port, &wanted, error))
		return -1;
	int fd = bind_listen(&wanted, 128, at);
	if (fd >= 0)
		return fd;
	char shown[8] = "";
	if (wanted.addr.ss_family != AF_UNIX)
		snprintf(shown, sizeof shown, ":%d", (int)port);
	snprintf(error, ERROR_MAX, "The HTTP server cannot listen on %.150s%s: %s", host, shown,
	         strerror(-fd));
	return -1;
}
