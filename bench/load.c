/* load.c - load generator of the benchmark: its roles, and what they share.
 *
 *   load backend                               echo, sink and source; prints its port
 *   load answer GREETING ANSWER...             prints its port; sends these, repeats the last one
 *   load up|down PLACE CONNECTIONS SECONDS     bulk
 *   load pingpong PLACE CONNECTIONS SECONDS    64 bytes there and back
 *   load ask PLACE CONNECTIONS SECONDS WORD BYTES
 *                                              the word there, and so many bytes back
 *   load churn PLACE CLIENTS SECONDS           connect, request, response, close
 *   load idle PLACE CONNECTIONS WORD...        sends the words on each, and waits for stdin to end
 *   load delay PLACE HOLD_MS MESSAGES [HELD [PAUSE_MS]]
 *                                              how late each message is
 *   load tls-up|tls-down|tls-pingpong|tls-idle ...       the same in TLS
 *   load tls-churn PLACE CLIENTS SECONDS full|resumed    handshakes
 *
 *   load udp-echo [WORD]                       datagrams; prints its port
 *   load udp PLACE WINDOW SECONDS [WORD]       so many datagrams of 64 bytes on their way at a time
 *                                              the words are numbered, as DNS is: in two bytes
 *
 * The results are one line of name=value on stdout. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

noreturn void give_up(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

nsec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_S + t.tv_nsec;
}

struct place place_read(const char *text)
{
	struct place p = { { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	const char *colon = strrchr(text, ':');
	char host[64];

	if (colon) {
		snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
		if (inet_pton(AF_INET, host, &p.at.sin_addr) != 1)
			give_up(text);
	}
	p.at.sin_port = htons((uint16_t)atoi(colon ? colon + 1 : text));
	return p;
}

int place_dial(const struct place *p, unsigned from)
{
	struct sockaddr_in own = { .sin_family = AF_INET,
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + from) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		give_up("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (from && bind(fd, (struct sockaddr *)&own, sizeof own))
		give_up("bind");
	if (connect(fd, (const struct sockaddr *)&p->at, sizeof p->at))
		give_up("connect");
	return fd;
}

static size_t escaped(uint8_t *to, const char *text)
{
	size_t n = 0;

	for (; *text; text++) {
		uint8_t c = (uint8_t)*text;
		if (c == '\\' && text[1])
			c = *++text == 'r' ? '\r' : *text == 'n' ? '\n' : (uint8_t)*text;
		to[n++] = c;
	}
	return n;
}

struct bytes hex_read(const char *text)
{
	struct bytes b = { malloc(strlen(text) + 1), 0 };
	unsigned byte;

	if (*text == '=') {
		b.n = escaped(b.p, text + 1);
		return b;
	}
	for (; sscanf(text, "%2x", &byte) == 1; text += 2) {
		b.p[b.n++] = (uint8_t)byte;
		if (!text[1])
			break;
	}
	return b;
}

static int later(const void *a, const void *b)
{
	nsec x = *(const nsec *)a, y = *(const nsec *)b;

	return x < y ? -1 : x > y;
}

void say_lateness(const char *name, nsec *times, size_t n)
{
	qsort(times, n, sizeof *times, later);
	if (n)
		printf("%s_p50=%lld %s_p99=%lld ", name, (long long)times[n / 2], name,
		       (long long)times[n - 1 - n / 100]);
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(int, char **);
	} roles[] = {
		{ "backend", backend_run }, { "answer", answer_run },     { "up", bulk_run },
		{ "down", bulk_run },       { "pingpong", pingpong_run }, { "churn", churn_run },
		{ "ask", ask_run },
		{ "idle", idle_run },       { "delay", delay_run },
		{ "tls-up", tls_bulk_run }, { "tls-down", tls_bulk_run },
		{ "tls-pingpong", tls_pingpong_run },
		{ "tls-churn", tls_churn_run },
		{ "tls-idle", tls_idle_run },
		{ "udp-echo", udp_echo_run }, { "udp", udp_run },
	};
	struct rlimit most;

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
	for (size_t i = 0; argc > 1 && i < sizeof roles / sizeof *roles; i++)
		if (!strcmp(argv[1], roles[i].name))
			return roles[i].run(argc - 1, argv + 1);
	fprintf(stderr,
	        "load: expected a role: backend answer up down pingpong ask churn idle "
	        "delay udp udp-echo tls-...\n");
	return 2;
}
