/* address.h - where to listen and where to dial: HOST:PORT, [v6]:PORT, :PORT, unix:/path. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {                        /* as words */
	char *text;                     /* as the user wrote it */
	char *host;                     /* "" = any (listen) or localhost (dial); a path for unix */
	int port;                       /* -1 for unix */
	bool unix_path;
};

struct endpoint { struct sockaddr_storage addr; socklen_t len; };      /* as the kernel wants it */

/* False: `error` holds one sentence: "Expected HOST:PORT: '8000'". */
bool address_parse(struct address *, const char *text, char *error, size_t size);
void address_free(struct address *);
void address_copy(struct address *to, const struct address *from);

/* True when no look-up is needed: numeric host or unix path. `listen`: an empty host is the
 * wildcard. */
bool address_numeric(const struct address *, bool listen, struct endpoint *);

int endpoint_port(const struct endpoint *);       /* 0: a unix socket, or any */
void endpoint_set_port(struct endpoint *, int port);
bool endpoint_loopback(const struct endpoint *);
/* "127.0.0.1", "::1"; "" for a unix socket */
const char *endpoint_host(const struct endpoint *, char *buffer, size_t size);
/* "127.0.0.1:3306", "[::1]:3306", "unix:/path" */
const char *endpoint_show(const struct endpoint *, char *buffer, size_t size);

#endif
