/* demo_wire.c - what the demo's programs know of MySQL, and their sockets. */
#include "demo_wire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- packets ---- */

static bool read_fully(int fd, void *to, size_t n)
{
	ssize_t got = recv(fd, to, n, MSG_WAITALL);
	if (got >= 0 && (size_t)got < n)
		errno = 0;              /* the end of the stream, perhaps in a packet */
	return got == (ssize_t)n;
}

bool packet_read(int fd, struct packet *p)
{
	uint8_t head[4];
	if (!read_fully(fd, head, sizeof(head)))
		return false;
	p->seq = head[3];
	p->n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
	if (p->n >= PACKET) {
		errno = EMSGSIZE;
		return false;
	}
	p->bytes[p->n] = 0;
	return read_fully(fd, p->bytes, p->n);
}

bool packet_send(int fd, uint8_t seq, const void *payload, size_t n)
{
	uint8_t bytes[4 + PACKET] = { (uint8_t)n, (uint8_t)(n >> 8), 0, seq };
	assert(n < PACKET);
	memcpy(bytes + 4, payload, n);
	return send(fd, bytes, 4 + n, MSG_NOSIGNAL) == (ssize_t)(4 + n);
}

/* ---- sockets ---- */

int listen_anywhere(int *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		perror("vaurien: demo: a port of 127.0.0.1");
		exit(1);
	}
	*port = ntohs(addr.sin_port);
	return fd;
}

int connect_to(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void set_timeout(int fd, double seconds)
{
	long us = (long)(seconds * 1e6);
	struct timeval t = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

/* ---- the client ---- */

static const char *const outcomes[] = {
	[REPLIED] = "", [FAILED] = "", [NOTHING] = "nothing: gave up waiting",
	[FINISHED] = "no reply", [WAS_RESET] = "no reply",
};

static void result_error(struct result *s, const struct packet *p)
{
	/* An SQL state, "#40001", comes first once the client is logged in. */
	size_t at = p->n > 9 && p->bytes[3] == '#' ? 9 : 3;
	bool whole = p->n > at;
	unsigned number = whole ? p->bytes[1] | (unsigned)p->bytes[2] << 8 : 0;

	s->outcome = FAILED;
	snprintf(s->text, sizeof(s->text), "error %u: %s", number,
	         whole ? (const char *)p->bytes + at : "");
}

void result_end(struct result *s)
{
	s->outcome = errno == EAGAIN ? NOTHING : errno == 0 ? FINISHED : WAS_RESET;
	snprintf(s->text, sizeof(s->text), "%s", outcomes[s->outcome]);
}

/* Count, columns, end, row, end. */
void client_read(int fd, struct result *s)
{
	struct packet p;
	for (int ends = 0; ends < 2; ) {
		if (!packet_read(fd, &p)) {
			result_end(s);
			return;
		}
		if (p.n > 0 && p.bytes[0] == 0xff) {
			result_error(s, &p);
			return;
		}
		if (p.n == 5 && p.bytes[0] == 0xfe)
			ends++;
		else if (ends == 1 && p.n > 1)
			snprintf(s->text, sizeof(s->text), "%.90s", (char *)p.bytes + 1);
	}
	s->outcome = REPLIED;
}

#define LOGIN "\x01\xa2\x08\0" "\0\0\0\1" "\x21" "\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0" "demo\0" "\0" "mysql_native_password\0"

int client_connect(int port, struct result *s)
{
	struct packet p = { 0 };
	int fd = connect_to(port);
	if (fd < 0) {
		result_end(s);
		return fd;
	}
	set_timeout(fd, 3);
	bool in = packet_read(fd, &p) && p.bytes[0] == 0x0a && SEND(fd, 1, LOGIN)
		&& packet_read(fd, &p);
	if (in && p.n > 0 && p.bytes[0] == 0) {
		s->outcome = REPLIED;
		snprintf(s->text, sizeof(s->text), "logged in");
	} else if (p.n > 0 && p.bytes[0] == 0xff) {
		result_error(s, &p);
	} else {
		result_end(s);
	}
	return fd;
}
