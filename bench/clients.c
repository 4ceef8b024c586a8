/* clients.c - clients of the benchmark: bulk, ping-pong, churn, idleness, delay. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { PING = 64, TIMES = 1 << 22 };

struct caller {                         /* one connection */
	int fd;
	size_t got;                     /* bytes of the answer under way */
	nsec asked;
};

static uint8_t buffer[BUFFER];
static nsec *times;                     /* duration of each exchange */
static size_t n_times;

static void times_add(nsec t)
{
	if (!times && !(times = malloc(TIMES * sizeof *times)))
		give_up("memory");
	if (n_times < TIMES)
		times[n_times++] = t;
}

static void say_times(void)
{
	if (n_times)
		say_lateness("time", times, n_times);
	putchar('\n');
}

static void put(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		give_up("send");
}

/* Connects one after the other, and sends each first byte: all at once would fill the backlog. */
static struct caller *callers(const struct place *to, int n, char wish)
{
	struct caller *c = calloc((size_t)n, sizeof *c);

	if (!c)
		give_up("memory");
	for (int i = 0; i < n; i++) {
		c[i].fd = place_dial(to, 0);
		if (wish)
			put(c[i].fd, &wish, 1);
	}
	return c;
}

static int watched(struct caller *c, int n, unsigned events)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0; i < n; i++) {
		struct epoll_event e = { .events = events, .data.ptr = &c[i] };
		fcntl(c[i].fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(epoll, EPOLL_CTL_ADD, c[i].fd, &e);
	}
	return epoll;
}

/* ---- bulk ---- */

/* Bytes that have arrived: read here, or acknowledged by the sink. */
static uint64_t bulk_step(struct caller *c, bool up, unsigned events)
{
	uint64_t arrived = 0;
	ssize_t n;

	if (events & EPOLLIN && (n = recv(c->fd, buffer, sizeof buffer, 0)) > 0)
		arrived = up ? (uint64_t)n * MEAL : (uint64_t)n;
	else if (events & EPOLLIN && (n == 0 || errno != EAGAIN))
		give_up("the stream has ended");
	if (up && events & EPOLLOUT && send(c->fd, buffer, sizeof buffer, MSG_NOSIGNAL) < 0 &&
	    errno != EAGAIN)
		give_up("send");
	return arrived;
}

int bulk_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	bool up = !strcmp(argv[0], "up");
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct caller *c = callers(&to, n, up ? 'u' : 'd');
	int epoll = watched(c, n, EPOLLIN | (up ? EPOLLOUT : 0));
	struct epoll_event events[64];
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), last = start;
	uint64_t bytes = 0;

	while (last < end) {
		int k = epoll_wait(epoll, events, 64, 5000);
		if (k <= 0)
			give_up("nothing comes");
		for (int i = 0; i < k; i++)
			bytes += bulk_step(events[i].data.ptr, up, events[i].events);
		last = now();
	}
	printf("ops=%llu rate=%.1f ", (unsigned long long)bytes,
	       (double)bytes * NSEC_S / (double)(last - start));
	say_times();
	return 0;
}

/* ---- ping-pong ---- */

static uint8_t ball[PING];
static struct bytes question = { ball, PING };
static size_t answer_n = PING;

static void ping(struct caller *c)
{
	c->asked = now();
	c->got = 0;
	put(c->fd, question.p, question.n);
}

/* Asks on each connection as soon as its answer is there. */
static int exchanges(char **argv, bool echo)
{
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct caller *c = callers(&to, n, echo ? 'e' : 0);
	int epoll = watched(c, n, EPOLLIN);
	struct epoll_event events[256];
	uint64_t pongs = 0;

	for (int i = 0; i < n; i++)
		if (echo)       /* the first byte comes back, too: then the first ping is sent */
			c[i].got = PING - 1;
		else
			ping(&c[i]);
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), t = start;
	while (t < end) {
		int k = epoll_wait(epoll, events, 256, 5000);
		if (k <= 0)
			give_up("nothing comes");
		for (int i = 0; i < k; i++) {
			struct caller *one = events[i].data.ptr;
			ssize_t m = recv(one->fd, buffer, sizeof buffer, 0);
			if (m <= 0)
				give_up("recv");
			one->got += (size_t)m;
			if (one->got < answer_n)
				continue;
			t = now();
			if (one->asked) {
				times_add(t - one->asked);
				pongs++;
			}
			ping(one);
		}
	}
	printf("ops=%llu rate=%.1f ", (unsigned long long)pongs,
	       (double)pongs * NSEC_S / (double)(t - start));
	say_times();
	return 0;
}

int pingpong_run(int argc, char **argv)
{
	return argc < 4 ? 2 : exchanges(argv, true);
}

int ask_run(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	question = hex_read(argv[4]);
	answer_n = (size_t)atol(argv[5]);
	return exchanges(argv, false);
}

/* ---- churn ---- */

static void churn_begin(struct caller *c, const struct place *to, int epoll, unsigned turn)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	uint8_t request[PING] = "e";

	c->asked = now();
	c->got = 0;
	/* Several addresses, because closed connections keep their port for a while. */
	c->fd = place_dial(to, turn % 8);
	put(c->fd, request, sizeof request);
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
}

int churn_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct caller *c = calloc((size_t)n, sizeof *c);
	struct epoll_event events[256];
	uint64_t done = 0;
	nsec start = now(), end = start + (nsec)(atof(argv[3]) * NSEC_S), t = start;

	for (int i = 0; c && i < n; i++)
		churn_begin(&c[i], &to, epoll, (unsigned)i);
	while (t < end) {
		int k = epoll_wait(epoll, events, 256, 5000);
		if (k <= 0)
			give_up("nothing comes");
		for (int i = 0; i < k; i++) {
			struct caller *one = events[i].data.ptr;
			ssize_t m = recv(one->fd, buffer, PING, 0);
			if (m <= 0)
				give_up("recv");
			one->got += (size_t)m;
			if (one->got < PING)
				continue;
			close(one->fd);
			t = now();
			times_add(t - one->asked);
			churn_begin(one, &to, epoll, (unsigned)++done);
		}
	}
	printf("ops=%llu rate=%.1f ", (unsigned long long)done,
	       (double)done * NSEC_S / (double)(t - start));
	say_times();
	return 0;
}

/* ---- idleness ---- */

/* Waits for some bytes. The backend sends each answer in one piece, so one read is enough. */
static void await(int fd)
{
	struct pollfd p = { fd, POLLIN };

	if (poll(&p, 1, 20000) != 1 || recv(fd, buffer, sizeof buffer, 0) <= 0)
		give_up("no answer");
}

/* Opens connections and sends on each; then nothing until stdin ends. "-" waits for a greeting. */
int idle_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct place to = place_read(argv[1]);
	int n = atoi(argv[2]);
	struct caller *c = callers(&to, n, 0);

	for (int i = 0; i < n; i++)
		for (int k = 3; k < argc; k++) {
			struct bytes word = hex_read(argv[k]);
			if (strcmp(argv[k], "-"))
				put(c[i].fd, word.p, word.n);
			await(c[i].fd);
			free(word.p);
		}
	printf("ops=%d\n", n);
	fflush(stdout);
	while (read(0, buffer, sizeof buffer) > 0)
		;
	return 0;
}

/* ---- delay ---- */

/* Sends one message at a time through a proxy that holds it, and measures how much later than the
 * hold it comes back. HELD other messages wait meanwhile, each on its own connection from another
 * address. PAUSE before each message, because a machine that has slept wakes late. */
int delay_run(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct place to = place_read(argv[1]);
	nsec hold = (nsec)(atof(argv[2]) * 1e6);
	int held = argc > 4 ? atoi(argv[4]) : 0, pause_ms = argc > 5 ? atoi(argv[5]) : 0;

	prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0);
	for (int i = 0; i < held; i++)
		put(place_dial(&to, 1), "e", 1);
	int fd = place_dial(&to, 0);
	put(fd, "e", 1);
	await(fd);
	for (int i = atoi(argv[3]); i; i--) {
		poll(NULL, 0, pause_ms);
		nsec sent = now();
		put(fd, buffer, PING);
		await(fd);
		times_add(now() - sent - hold);
	}
	printf("ops=%zu ", n_times);
	say_times();
	return 0;
}
