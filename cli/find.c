/* find.c - where the API is if nothing says so: on port 8080, or of a `vaurien run`. */
#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"

static const char usual[] = "http://localhost:8080";

static bool connects(int family, const void *address, socklen_t n)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && connect(fd, address, n) == 0;

	if (fd >= 0)
		close(fd);
	return good;
}

static bool usual_listens(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(8080) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connects(AF_INET, &at, sizeof at);
}

/* A socket that is ours, and that a process has open. */
static bool run_listens(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat file;

	if (stat(path, &file) != 0 || file.st_uid != geteuid() ||
	    strlen(path) >= sizeof at.sun_path)
		return false;
	strcpy(at.sun_path, path);
	return connects(AF_UNIX, &at, sizeof at);
}

/* The API's sockets of the runs below this folder: the first one in *path. Returns how many. */
static unsigned runs_find(const char *folder, char *path, size_t size)
{
	char pattern[300];
	unsigned n = 0;
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/vaurien-run-*/api", folder);
	if (glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (run_listens(found.gl_pathv[i]) && !n++)
			snprintf(path, size, "unix:%s", found.gl_pathv[i]);
	globfree(&found);
	return n;
}

void host_find(struct call *c)
{
	static char path[300];
	const char *own = getenv("XDG_RUNTIME_DIR");

	c->host = usual;
	if (c->http_host || c->http_port || usual_listens())
		return;
	c->runs = runs_find("/tmp", path, sizeof path);
	if (own && *own == '/' && strcmp(own, "/tmp"))
		c->runs += runs_find(own, path, sizeof path);
	if (c->runs == 1)
		c->host = path;
}
