/* address.c - addresses to listen on or connect to: HOST:PORT, [v6]:PORT, :PORT, unix:/path,
 * udp://HOST:PORT.
 *
 * "localhost" is 127.0.0.1 without a look-up, so that listeners and clients use the same family. */
#include "net/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/memory.h"
#include "base/text.h"

enum { HOST_MAX_LEN = 255, PATH_MAX_LEN = sizeof ((struct sockaddr_un *)0)->sun_path - 1 };

static bool refuse(char *error, size_t size, const char *expected, const char *text)
{
	char shown[200], sentence[ERROR_MAX];
	error_format(sentence, "expected %s, got '%s'", expected,
	             text_printable(text, shown, sizeof shown));
	snprintf(error, size, "%s", sentence);
	return false;
}

static const char ADDRESS[] = "HOST:PORT or :PORT";
static const char DATAGRAMS[] = "udp://HOST:PORT or udp://:PORT";

static bool parse_unix(struct address *a, const char *text, char *error, size_t size)
{
	const char *path = text + strlen("unix:");
	size_t n = strlen(path);
	if (!n || n > PATH_MAX_LEN)
		return refuse(error, size, "unix:/PATH of at most 107 bytes", text);
	*a = (struct address){
		.text = xstrdup(text), .host = xstrndup(path, n), .port = -1, .unix_path = true
	};
	return true;
}

/* -1: not a number from 0 to 65535 of at most five digits. */
static int parse_port(const char *text)
{
	int port = 0;
	size_t n = strspn(text, "0123456789");
	if (!n || n > 5 || text[n])
		return -1;
	for (; *text; text++)
		port = port * 10 + (*text - '0');
	return port <= 65535 ? port : -1;
}

bool address_parse(struct address *a, const char *text, char *error, size_t size)
{
	if (!strncmp(text, "unix:", 5))
		return parse_unix(a, text, error, size);

	bool udp = !strncmp(text, "udp://", 6);
	const char *host = text + (udp ? 6 : 0), *colon = strrchr(host, ':');
	int port = colon ? parse_port(colon + 1) : -1;
	size_t n = colon ? (size_t)(colon - host) : 0;
	if (port < 0 || n > HOST_MAX_LEN)
		return refuse(error, size, udp ? DATAGRAMS : ADDRESS, text);
	if (host[0] == '[') {
		if (host[n - 1] != ']')
			return refuse(error, size, ADDRESS, text);
		host++;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)host[i]) || strchr("[]/'\"", host[i]))
			return refuse(error, size, ADDRESS, text);
	*a = (struct address){
		.text = xstrdup(text), .host = xstrndup(host, n), .port = port, .udp = udp
	};
	return true;
}

void address_free(struct address *a)
{
	free(a->text);
	free(a->host);
	a->text = a->host = NULL;
}

void address_copy(struct address *to, const struct address *from)
{
	*to = *from;
	to->text = xstrdup(from->text);
	to->host = xstrdup(from->host);
}

/* The numeric host of an address without a host, or with localhost. Else the host itself. */
static const char *host_number(const struct address *a, bool listen)
{
	bool v6 = a->text[a->udp ? 6 : 0] == '[';
	if (!strcmp(a->host, "localhost"))
		return "127.0.0.1";
	if (a->host[0])
		return a->host;
	if (listen)
		return v6 ? "::" : "0.0.0.0";
	return v6 ? "::1" : "127.0.0.1";
}

bool address_numeric(const struct address *a, bool listen, struct endpoint *e)
{
	memset(e, 0, sizeof *e);
	if (a->unix_path) {
		struct sockaddr_un *un = (struct sockaddr_un *)&e->addr;
		size_t n = strlen(a->host);
		assert(n <= PATH_MAX_LEN);
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, a->host, n);
		e->len = sizeof *un;
		return true;
	}

	char port[8];
	struct addrinfo *found, hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	snprintf(port, sizeof port, "%d", a->port);
	if (getaddrinfo(host_number(a, listen), port, &hints, &found) != 0)
		return false;
	memcpy(&e->addr, found->ai_addr, found->ai_addrlen);
	e->len = found->ai_addrlen;
	e->udp = a->udp;
	freeaddrinfo(found);
	return true;
}

struct endpoint endpoint_tcp(const struct endpoint *e)
{
	struct endpoint made = *e;

	made.udp = false;
	return made;
}

/* Writes the number in the one way that the system writes it; false: it is a name. */
static bool number_canonical(const char *host, char *to, size_t size)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t bytes[16];

	if (inet_pton(AF_INET, host, bytes) == 1)
		return inet_ntop(AF_INET, bytes, to, (socklen_t)size) != NULL;
	if (inet_pton(AF_INET6, host, bytes) != 1)
		return false;
	if (!memcmp(bytes, mapped, sizeof mapped))
		return inet_ntop(AF_INET, bytes + sizeof mapped, to, (socklen_t)size) != NULL;
	*to++ = '[';
	if (!inet_ntop(AF_INET6, bytes, to, (socklen_t)size - 2))
		return false;
	strcat(to, "]");
	return true;
}

bool address_key(const char *host, size_t n, unsigned port, char key[ADDRESS_KEY_MAX])
{
	char name[HOST_MAX_LEN + 1], number[INET6_ADDRSTRLEN + 2];
	bool scheme = n > 5 && !memcmp(host, "unix:", 5);

	if (scheme || (n && host[0] == '/')) {
		host += scheme ? 5 : 0;
		n -= scheme ? 5 : 0;
		if (port || n > PATH_MAX_LEN || memchr(host, 0, n))
			return false;
		snprintf(key, ADDRESS_KEY_MAX, "unix:%.*s", (int)n, host);
		return true;
	}
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n && host[n - 1] == '.')
		n--;
	if (!port || port > 65535 || n > HOST_MAX_LEN)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isgraph((unsigned char)host[i]))
			return false;
		name[i] = (char)tolower((unsigned char)host[i]);
	}
	name[n] = '\0';
	if (!n || !strcmp(name, "localhost"))
		strcpy(name, "127.0.0.1");
	snprintf(key, ADDRESS_KEY_MAX, "%s:%u",
	         number_canonical(name, number, sizeof number) ? number : name, port);
	return true;
}

int endpoint_port(const struct endpoint *e)
{
	if (e->addr.ss_family == AF_UNIX)
		return 0;
	return ntohs(e->addr.ss_family == AF_INET6 ?
	             ((const struct sockaddr_in6 *)&e->addr)->sin6_port :
	             ((const struct sockaddr_in *)&e->addr)->sin_port);
}

bool endpoint_loopback(const struct endpoint *e)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&e->addr;
	const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&e->addr)->sin6_addr;

	switch (e->addr.ss_family) {
	case AF_UNIX: return true;
	case AF_INET: return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	case AF_INET6:
		return IN6_IS_ADDR_LOOPBACK(in6) ||
		       (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
	}
	return false;
}

const char *endpoint_host(const struct endpoint *e, char *buffer, size_t size)
{
	const struct sockaddr *a = (const struct sockaddr *)&e->addr;

	if (e->addr.ss_family == AF_UNIX ||
	    getnameinfo(a, e->len, buffer, (socklen_t)size, NULL, 0, NI_NUMERICHOST))
		*buffer = '\0';
	return buffer;
}

const char *endpoint_show(const struct endpoint *e, char *buffer, size_t size)
{
	char host[INET6_ADDRSTRLEN + 20] = "?", port[8] = "?";

	if (e->addr.ss_family == AF_UNIX) {
		snprintf(buffer, size, "unix:%s", ((const struct sockaddr_un *)&e->addr)->sun_path);
		return buffer;
	}
	getnameinfo((const struct sockaddr *)&e->addr, e->len, host, sizeof host, port, sizeof port,
	            NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(buffer, size, e->addr.ss_family == AF_INET6 ? "%s[%s]:%s" : "%s%s:%s",
	         e->udp ? "udp://" : "", host, port);
	return buffer;
}
