/* pattern.c - destinations by pattern: HOST:PORT with globs, ADDRESS/BITS[:PORT], unix:GLOB. */
#include "run/pattern.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/cidr.h"
#include "net/unix_socket.h"

struct pattern {
	char *host, *port;              /* globs; of a unix socket `host` is its path's */
	bool unix_path, by_network;
	struct network network;
};

struct patterns { size_t n; struct pattern of[]; };

static size_t lines_count(const char *lines)
{
	size_t n = lines && *lines;

	for (; lines && *lines; lines++)
		n += *lines == '\n';
	return n;
}

/* "HOST:PORT", "[V6]:PORT", "ADDRESS/BITS", "*". False: it is none. */
static bool inet_read(struct pattern *p, char *text)
{
	char *colon = strrchr(text, ':'), *host = text, *end;
	bool bracketed = *text == '[' && (end = strchr(text, ']')) && (!end[1] || end[1] == ':');

	if (bracketed) {
		host = text + 1;
		*end = '\0';
		colon = end[1] ? end + 1 : NULL;
	} else if (colon && (strchr(colon, '/') || strchr(text, ':') != colon)) {
		colon = NULL;           /* IPv6 without a port */
	}
	if (colon)
		*colon = '\0';
	p->port = xstrdup(colon ? colon + 1 : "*");
	p->host = xstrdup(*host ? host : "*");
	p->by_network = network_read(&p->network, p->host);
	return *p->port && !p->port[strspn(p->port, "0123456789*?[]-")] &&
	       (p->by_network || !strchr(p->host, '/'));
}

static bool pattern_read(struct pattern *p, const char *line, size_t n)
{
	char *text = xstrndup(line, n);
	bool good;

	if (!strncmp(text, "unix:", 5)) {
		p->unix_path = true;
		p->host = xstrdup(text + 5);
		good = p->host[0];
	} else {
		good = *text && inet_read(p, text);
	}
	free(text);
	return good;
}

struct patterns *patterns_read(const char *lines, const char *option, char error[ERROR_MAX])
{
	size_t n = lines_count(lines);
	struct patterns *all = xcalloc(1, sizeof *all + n * sizeof all->of[0]);
	char shown[100];

	for (const char *line = lines; all->n < n; line += strcspn(line, "\n") + 1) {
		size_t size = strcspn(line, "\n");
		if (pattern_read(&all->of[all->n++], line, size))
			continue;
		char *text = xstrndup(line, size);
		error_format(error, "argument --%s: expected HOST:PORT with globs, "
		             "ADDRESS/BITS[:PORT] or unix:GLOB, got '%s'", option,
		             text_printable(text, shown, sizeof shown));
		free(text);
		patterns_free(all);
		return NULL;
	}
	return all;
}

void patterns_free(struct patterns *all)
{
	for (size_t i = 0; all && i < all->n; i++) {
		free(all->of[i].host);
		free(all->of[i].port);
	}
	free(all);
}

bool patterns_any(const struct patterns *all)
{
	return all->n;
}

static bool pattern_fits(const struct pattern *p, const struct endpoint *e, const char *host)
{
	const char *path = unix_socket_path(e);
	char port[8], number[64];

	if (p->unix_path || path)
		return p->unix_path && path && !fnmatch(p->host, path, 0);
	snprintf(port, sizeof port, "%d", endpoint_port(e));
	if (fnmatch(p->port, port, 0))
		return false;
	if (p->by_network)
		return network_contains(&p->network, e);
	return !fnmatch(p->host, host, FNM_CASEFOLD) ||
	       !fnmatch(p->host, endpoint_host(e, number, sizeof number), FNM_CASEFOLD);
}

bool patterns_find(const struct patterns *all, const struct endpoint *e, const char *host)
{
	for (size_t i = 0; i < all->n; i++)
		if (pattern_fits(&all->of[i], e, host))
			return true;
	return false;
}
