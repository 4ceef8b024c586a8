/* ends.c - backends of the benchmark: echo, sink and source; and one with fixed answers. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

struct guest {                          /* one connection */
	int fd;
	uint8_t wish;                   /* its first byte chooses the role; 0: not received */
	uint64_t eaten;
	size_t owed;                    /* bytes of an echo still to be sent */
	int said;                       /* number of fixed answers sent */
	uint8_t *held;
};

static uint8_t buffer[BUFFER];
static struct bytes greeting, *answers;
static int n_answers;

static int listen_somewhere(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4096))
		give_up("listen");
	getsockname(fd, (struct sockaddr *)&a, &len);
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static void wants(int epoll, int op, struct guest *g, unsigned events)
{
	struct epoll_event e = { .events = events, .data.ptr = g };

	epoll_ctl(epoll, op, g->fd, &e);
}

/* An echo that cannot be sent waits for room. Nothing is read meanwhile. */
static int echo_on(int epoll, struct guest *g, const uint8_t *p, size_t n)
{
	ssize_t sent = send(g->fd, p, n, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN)
		return -1;
	size_t gone = sent < 0 ? 0 : (size_t)sent;
	if (gone < n && !g->held && !(g->held = malloc(BUFFER)))
		give_up("memory");
	if (gone < n)
		memmove(g->held, p + gone, n - gone);
	if (!g->owed != !(n - gone))
		wants(epoll, EPOLL_CTL_MOD, g, gone < n ? EPOLLOUT : EPOLLIN);
	g->owed = n - gone;
	return 0;
}

static int source_on(struct guest *g)
{
	ssize_t n;

	for (int i = 0; i < 16; i++)
		if ((n = send(g->fd, buffer, sizeof buffer, MSG_NOSIGNAL)) < 0)
			return errno == EAGAIN ? 0 : -1;
	return 0;
}

static int sink_on(struct guest *g, size_t n)
{
	uint64_t meals = (g->eaten + n) / MEAL - g->eaten / MEAL;

	g->eaten += n;
	return meals && send(g->fd, buffer, meals, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int obey(int epoll, struct guest *g)
{
	if (g->owed)
		return echo_on(epoll, g, g->held, g->owed);
	if (g->wish == 'd')
		return source_on(g);
	ssize_t n = recv(g->fd, buffer, sizeof buffer, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	if (!g->wish)
		g->wish = buffer[0];
	if (g->wish == 'd')
		wants(epoll, EPOLL_CTL_MOD, g, EPOLLIN | EPOLLOUT);
	if (g->wish == 'u')
		return sink_on(g, (size_t)n);
	return g->wish == 'e' ? echo_on(epoll, g, buffer, (size_t)n) : 0;
}

static int recite(int epoll, struct guest *g)
{
	if (g->owed)
		return echo_on(epoll, g, g->held, g->owed);
	ssize_t n = recv(g->fd, buffer, sizeof buffer, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : -1;
	struct bytes *a = &answers[g->said < n_answers ? g->said : n_answers - 1];
	g->said++;
	return echo_on(epoll, g, a->p, a->n);
}

static void guests_accept(int epoll, int listening)
{
	int fd, on = 1;

	while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct guest *g = calloc(1, sizeof *g);
		if (!g)
			give_up("memory");
		g->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		wants(epoll, EPOLL_CTL_ADD, g, EPOLLIN);
		if (greeting.n)
			send(fd, greeting.p, greeting.n, MSG_NOSIGNAL);
	}
}

static noreturn void serve(int (*serve_one)(int epoll, struct guest *))
{
	struct guest door = { listen_somewhere() };
	struct epoll_event events[256];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	wants(epoll, EPOLL_CTL_ADD, &door, EPOLLIN);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);
		for (int i = 0; i < n; i++) {
			struct guest *g = events[i].data.ptr;
			if (g == &door) {
				guests_accept(epoll, door.fd);
			} else if (serve_one(epoll, g)) {
				close(g->fd);
				free(g->held);
				free(g);
			}
		}
	}
}

int backend_run(int argc, char **argv)
{
	(void)argc, (void)argv;
	serve(obey);
}

int answer_run(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	greeting = hex_read(argv[1]);
	n_answers = argc - 2;
	answers = calloc((size_t)n_answers, sizeof *answers);
	for (int i = 0; answers && i < n_answers; i++)
		answers[i] = hex_read(argv[i + 2]);
	serve(recite);
}
