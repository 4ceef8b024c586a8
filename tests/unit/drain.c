/* drain.c - tests of sockets that wait for their peer's end, on a clock that the test moves. */
#include "net/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "engine/worker.h"

static struct worker worker;
static vn_nsec clock_now;
static int ours, peers;

static vn_nsec clock_mine(void)
{
	return clock_now;
}

/* A connection whose end on our side has said all it had to say. */
static void connect_pair(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(server, 1), 0);
	getsockname(server, (struct sockaddr *)&in, &len);
	peers = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(peers, (struct sockaddr *)&in, len), 0);
	ours = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ours >= 0);
	close(server);
	assert_int_equal(write(ours, "last", 4), 4);
	shutdown(ours, SHUT_WR);
}

static int set_up(void **state)
{
	worker_init(&worker, &worker, 0, 1, NULL, &(struct worker_config){ 1, 4096, 1 << 20 });
	worker.loop.clock = clock_mine;
	clock_now = VN_S;
	loop_clock(&worker.loop);
	connect_pair();
	return 0;
}

static int tear_down(void **state)
{
	worker_free(&worker);
	close(peers);
	return 0;
}

static void rounds(void)
{
	while (loop_once(&worker.loop, false))
		;
}

static bool closed(void)
{
	rounds();
	return fcntl(ours, F_GETFD) < 0 && errno == EBADF && !worker.drains.first &&
	       !worker.loop.timers;
}

/* The peer's bytes are read, so it sees what we said last and then an end, not a reset. */
static void peer_sees(void)
{
	char bytes[8];
	assert_int_equal(read(peers, bytes, sizeof bytes), 4);
	assert_int_equal(read(peers, bytes, sizeof bytes), 0);
}

static void drains(void **state)
{
	static char many[50000];
	assert_int_equal(write(peers, many, sizeof many), sizeof many);
	drain_start(&worker.drains, ours, NULL);
	assert_false(closed());
	clock_now += VN_S / 2;
	assert_int_equal(write(peers, many, sizeof many), sizeof many);
	assert_false(closed());
	peer_sees();
	shutdown(peers, SHUT_WR);
	assert_true(closed());
}

static void ended_before(void **state)
{
	close(peers);
	peers = -1;
	drain_start(&worker.drains, ours, NULL);
	assert_true(closed());
}

/* A reset that must not come before the peer's connect has returned. */
static void reset_in_time(void **state)
{
	char byte;

	drain_reset(&worker.drains, ours, 20 * VN_MS);
	clock_now += 20 * VN_MS - 1;
	assert_false(closed());
	clock_now++;
	assert_true(closed());
	assert_true(read(peers, &byte, 1) >= 0 || errno == ECONNRESET);
}

static void reset_at_the_first_byte(void **state)
{
	drain_reset(&worker.drains, ours, 20 * VN_MS);
	assert_false(closed());
	assert_int_equal(write(peers, "x", 1), 1);
	assert_true(closed());
}

static void endless(void **state)
{
	drain_start(&worker.drains, ours, NULL);
	clock_now += VN_S - 1;
	assert_false(closed());
	assert_int_equal(write(peers, "more", 4), 4);
	assert_false(closed());
	peer_sees();
	clock_now++;
	assert_true(closed());
}

/* One that says more than a MiB is not listened to any longer. */
static void too_much(void **state)
{
	static char many[1 << 16];
	size_t sent = 0;
	fcntl(peers, F_SETFL, O_NONBLOCK);
	drain_start(&worker.drains, ours, NULL);
	while (sent <= 4 << 20) {
		ssize_t n = send(peers, many, sizeof many, MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		if (closed())
			break;
	}
	assert_in_range(sent, 1 << 20, 3 << 20);
}

static void reset_by_peer(void **state)
{
	struct linger abortive = { 1, 0 };
	drain_start(&worker.drains, ours, NULL);
	assert_false(closed());
	setsockopt(peers, SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
	close(peers);
	peers = -1;
	assert_true(closed());
}

/* Several, which leave in an order of their own. */
static void many_at_once(void **state)
{
	int o[5], p[5];
	close(ours);
	close(peers);
	for (int i = 0; i < 5; i++) {
		connect_pair();
		o[i] = ours;
		p[i] = peers;
		drain_start(&worker.drains, ours, NULL);
	}
	rounds();
	static const int order[] = { 2, 0, 4, 1, 3 };
	for (int i = 0; i < 4; i++) {
		close(p[order[i]]);
		rounds();
		assert_true(fcntl(o[order[i]], F_GETFD) < 0);
		assert_true(fcntl(o[3], F_GETFD) >= 0);
		assert_int_equal(worker.loop.timers, 4 - i);
	}
	ours = o[3];
	peers = p[3];
	drains_close(&worker.drains);
	assert_true(closed());
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(drains),
	EACH(ended_before),
	EACH(endless),
	EACH(reset_in_time),
	EACH(reset_at_the_first_byte),
	EACH(too_much),
	EACH(reset_by_peer),
	EACH(many_at_once),
};

SUITE(linger, tests)
