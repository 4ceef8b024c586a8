/* destination.c - the address that a caller of connect() names. */
#include "run/destination.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "run/places.h"
#include "spec/recognise.h"

enum { LEAST_IN6 = 24, PATH_LONG = sizeof ((struct sockaddr_un *)0)->sun_path };

/* Is a socket of this file name worth a look at where it is? */
static bool path_wanted(const struct supervisor *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	if (protocol_by_path(path))
		return true;
	for (const struct carrier *r = s->carriers; r; r = r->next)
		if (r->backend.text && r->backend.unix_path) {
			const char *other = strrchr(r->backend.host, '/');
			if (!strcmp(other ? other + 1 : r->backend.host, file))
				return true;
		}
	return false;
}

/* The path as we see it: through the caller's own folder and root. */
static bool path_plain(const struct caller *c, const char *path, char *to)
{
	char through[64 + PATH_LONG], real[4096];

	snprintf(through, sizeof through, "/proc/%d/%s/%s", (int)c->tid,
	         *path == '/' ? "root" : "cwd", path);
	if (!realpath(through, real) || strlen(real) >= PATH_LONG)
		return false;
	strcpy(to, real);
	return true;
}

static bool unix_read(const struct supervisor *s, const struct caller *c, struct endpoint *e,
                      size_t n)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&e->addr;
	char path[PATH_LONG + 1] = "", plain[PATH_LONG];

	if (n <= offsetof(struct sockaddr_un, sun_path) || !un->sun_path[0])
		return false;           /* unnamed, or abstract */
	memcpy(path, un->sun_path, n - offsetof(struct sockaddr_un, sun_path));
	if (!path_wanted(s, path) || !path_plain(c, path, plain))
		return false;
	*e = (struct endpoint){ .len = sizeof *un };
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, plain);
	return true;
}

bool destination_read(const struct supervisor *s, const struct caller *c, struct endpoint *e,
                      bool *unreadable)
{
	size_t n = c->length < sizeof(struct sockaddr_un) ? c->length : sizeof(struct sockaddr_un);

	memset(e, 0, sizeof *e);
	*unreadable = false;
	if (n < sizeof(sa_family_t) || c->length > sizeof e->addr)
		return false;           /* the kernel has its own answer */
	int error = caller_read(c, c->address, &e->addr, n);
	*unreadable = error == EPERM || error == EACCES;
	if (error)
		return false;
	switch (e->addr.ss_family) {
	case AF_INET:
		e->len = sizeof(struct sockaddr_in);
		break;
	case AF_INET6:
		e->len = sizeof(struct sockaddr_in6);
		break;
	case AF_UNIX:
		return unix_read(s, c, e, n);
	default:
		return false;
	}
	if (n < (e->len == sizeof(struct sockaddr_in) ? e->len : LEAST_IN6))
		return false;
	memset((char *)&e->addr + e->len, 0, sizeof e->addr - e->len);
	endpoint_plain(e);
	return true;
}
