/* recognise.c - the protocol of a server, by its port, its socket's path or its first bytes. */
#include "spec/recognise.h"

#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

#include "spec/registry.h"

/* The first port of a protocol is its usual one. */
static const struct { int port; const char *protocol; } ports[] = {
	{ 3306, "mysql" }, { 5432, "postgres" }, { 6432, "postgres" }, { 6379, "redis" },
	{ 11211, "memcache" }, { 25, "smtp" }, { 587, "smtp" }, { 1025, "smtp" }, { 2525, "smtp" },
	{ 53, "dns" }, { 80, "http" }, { 8000, "http" }, { 8080, "http" }, { 27017, "mongo" },
	{ 27018, "mongo" }, { 27019, "mongo" }, { 9092, "kafka" },
};

static const struct { const char *glob, *protocol; } paths[] = {
	{ "mysqld.sock", "mysql" }, { "mysql.sock", "mysql" }, { ".s.PGSQL.*", "postgres" },
	{ "redis*.sock", "redis" }, { "memcached*.sock", "memcache" },
	{ "mongodb-*.sock", "mongo" },
};

enum { MANY_PORTS = sizeof ports / sizeof ports[0], MANY_PATHS = sizeof paths / sizeof paths[0] };

const struct vn_protocol *protocol_by_port(int port)
{
	for (size_t i = 0; i < MANY_PORTS; i++)
		if (ports[i].port == port)
			return protocol_find(ports[i].protocol);
	return NULL;
}

const struct vn_protocol *protocol_by_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;

	for (size_t i = 0; i < MANY_PATHS; i++)
		if (!fnmatch(paths[i].glob, file, 0))
			return protocol_find(paths[i].protocol);
	return NULL;
}

int protocol_port(const struct vn_protocol *p)
{
	for (size_t i = 0; i < MANY_PORTS; i++)
		if (!strcmp(ports[i].protocol, p->name))
			return ports[i].port;
	return 0;
}

/* ---- first bytes ---- */

static bool begins(const char *bytes, size_t n, const char *with, size_t size)
{
	return n >= size && !memcmp(bytes, with, size);
}

static bool is_mysql_greeting(const char *bytes, size_t n)
{
	/* a packet of number 0 and protocol version 10 */
	return n >= 5 && bytes[3] == 0 && bytes[4] == 10;
}

static bool is_smtp_greeting(const char *bytes, size_t n)
{
	return begins(bytes, n, "220 ", 4) || begins(bytes, n, "220-", 4);
}

static bool is_http(const char *bytes, size_t n)
{
	static const char *const methods[] = {
		"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ",
		"TRACE ",
	};

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (begins(bytes, n, methods[i], strlen(methods[i])))
			return true;
	return false;
}

static bool is_redis(const char *bytes, size_t n)
{
	size_t i = 1;

	while (i < n && i < 8 && bytes[i] >= '0' && bytes[i] <= '9')
		i++;
	return n && bytes[0] == '*' && i > 1 && begins(bytes + i, n - i, "\r\n", 2);
}

/* A StartupMessage of version 3.0, or an SSLRequest. */
static bool is_postgres(const char *bytes, size_t n)
{
	return n >= 8 && bytes[0] == 0 &&
	       (!memcmp(bytes + 4, "\0\3\0\0", 4) || !memcmp(bytes + 4, "\4\322\26\57", 4));
}

/* OP_MSG or OP_QUERY, which answers nothing. */
static bool is_mongo(const char *bytes, size_t n)
{
	return n >= 16 && !memcmp(bytes + 8, "\0\0\0\0", 4) &&
	       (!memcmp(bytes + 12, "\335\7\0\0", 4) || !memcmp(bytes + 12, "\324\7\0\0", 4));
}

static const struct {
	const char *protocol;
	bool server;
	bool (*is)(const char *bytes, size_t n);
} firsts[] = {
	{ "mysql", true, is_mysql_greeting }, { "smtp", true, is_smtp_greeting },
	{ "http", false, is_http }, { "redis", false, is_redis },
	{ "postgres", false, is_postgres }, { "mongo", false, is_mongo },
};

const struct vn_protocol *protocol_by_bytes(const char *bytes, size_t n, bool from_server,
                                            bool *sure)
{
	*sure = n >= 8;
	for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++)
		if (firsts[i].server == from_server && firsts[i].is(bytes, n)) {
			*sure = true;
			return protocol_find(firsts[i].protocol);
		}
	return NULL;
}

/* A record of a handshake, which begins with a ClientHello. */
bool bytes_are_tls(const char *bytes, size_t n)
{
	size_t length = n >= 6 ? (size_t)(uint8_t)bytes[3] << 8 | (uint8_t)bytes[4] : 0;

	return length >= 4 && length <= 16384 && bytes[0] == 22 && bytes[1] == 3 &&
	       bytes[2] >= 0 && bytes[2] <= 4 && bytes[5] == 1;
}
