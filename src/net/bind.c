/* bind.c - opens the socket that the control API is served on: host and port, or a unix socket. */
#include "net/bind.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool door_resolve_unix(const char *path, struct endpoint *at, char error[ERROR_MAX])
{
	struct sockaddr_un *un = (struct sockaddr_un *)&at->addr;

	if (!path[0] || strlen(path) >= sizeof un->sun_path) {
		snprintf(error, ERROR_MAX, "http-host: expected unix: and a path of 1 to %zu bytes, "
		         "got '%.100s'", sizeof un->sun_path - 1, path);
		return false;
	}
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	at->len = sizeof *un;
	return true;
}

static bool door_resolve(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	char name[256], service[16];

	if (strncmp(host, "unix:", 5) == 0)
		return door_resolve_unix(host + 5, at, error);
	if (port < 0 || port > 65535) {
		snprintf(error, ERROR_MAX, "http-port: expected a number from 0 to 65535, got %lld",
		         (long long)port);
		return false;
	}
	size_t n = strlen(host);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']')
		snprintf(name, sizeof name, "%.*s", (int)(n - 2), host + 1);
	else            /* localhost may be ::1 to the resolver, and not be where clients look first */
		snprintf(name, sizeof name, "%s", strcmp(host, "localhost") == 0 ? "127.0.0.1" : host);
	snprintf(service, sizeof service, "%d", (int)port);
	int rc = getaddrinfo(name[0] ? name : NULL, service, &hints, &found);
	if (rc != 0) {
		snprintf(error, ERROR_MAX, "http-host: expected a name or an address, got '%.100s': %s",
		         host, gai_strerror(rc));
		return false;
	}
	memcpy(&at->addr, found->ai_addr, found->ai_addrlen);
	at->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

/* A socket that nobody answers at is a leftover of somebody killed. (A plain file refuses, too.) */
static void unix_unlink_stale(const struct endpoint *at)
{
	const char *path = ((const struct sockaddr_un *)&at->addr)->sun_path;
	struct stat file;

	if (lstat(path, &file) < 0 || !S_ISSOCK(file.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at->addr, at->len) < 0
	 && errno == ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

int door_open(const char *host, int64_t port, struct endpoint *at, char error[ERROR_MAX])
{
	int one = 1;

	*at = (struct endpoint){ .len = 0 };
	if (!door_resolve(host, port, at, error))
		return -1;
	int fd = socket(at->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		if (at->addr.ss_family == AF_UNIX)
			unix_unlink_stale(at);
		else
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&at->addr, at->len) == 0 && listen(fd, 128) == 0) {
			getsockname(fd, (struct sockaddr *)&at->addr, &(socklen_t){ sizeof at->addr });
			return fd;
		}
	}
	int why = errno;
	if (fd >= 0)
		close(fd);
	char shown[8] = "";
	if (at->addr.ss_family != AF_UNIX)
		snprintf(shown, sizeof shown, ":%d", (int)port);
	snprintf(error, ERROR_MAX, "The HTTP server cannot listen on %.150s%s: %s", host, shown,
	         strerror(why));
	return -1;
}
