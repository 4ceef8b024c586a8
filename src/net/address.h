/* address.h - addresses to listen on or connect to: HOST:PORT, [v6]:PORT, :PORT, unix:/path,
 * udp://HOST:PORT.
 *
 *   text -> struct address (host and port) -> struct endpoint (for the kernel)
 *
 * An address owns its texts: address_free(). An endpoint is a plain value. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct address {
	char *text;                     /* as the user wrote it */
	char *host;                     /* or a path; "" is any (listen) or localhost (connect) */
	int port;                       /* 0 to 65535; -1 if unix_path */
	bool unix_path;
	bool udp;                       /* it began with udp:// */
};

/* `udp`: of a proxy's own address: for datagrams. */
struct endpoint { struct sockaddr_storage addr; socklen_t len; bool udp; };

/* False: `error` has a sentence, such as "expected HOST:PORT or :PORT, got '8000'". Nothing is to
 * be freed. */
bool address_parse(struct address *, const char *text, char *error, size_t size);
void address_free(struct address *);
void address_copy(struct address *to, const struct address *from);

/* True if no look-up is needed: a numeric host, localhost or a unix path. `listen`: an empty host
 * is the wildcard address. False: the endpoint is zeroed. */
bool address_numeric(const struct address *, bool listen, struct endpoint *);

/* A key by which the same address is found however it is written: "10.0.0.1:80", "[::1]:80",
 * "name.example:80", "unix:/path". `host` is a name, a number with or without brackets, or with
 * port 0 a path, with or without "unix:". False: it is none of these. */
enum { ADDRESS_KEY_MAX = 280 };
bool address_key(const char *host, size_t n, unsigned port, char key[ADDRESS_KEY_MAX]);

/* The same host and port, for streams. */
struct endpoint endpoint_tcp(const struct endpoint *);

int endpoint_port(const struct endpoint *);     /* 0: a unix socket, or any port */
bool endpoint_loopback(const struct endpoint *);
/* "127.0.0.1", "::1"; "" for a unix socket */
const char *endpoint_host(const struct endpoint *, char *buffer, size_t size);
/* "127.0.0.1:3306", "[::1]:3306", "unix:/path", "udp://127.0.0.1:53" */
const char *endpoint_show(const struct endpoint *, char *buffer, size_t size);

#endif
