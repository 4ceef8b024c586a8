/* connect.c - tests of the way from a backend's name to a connected socket. */
#include "net/connect.h"
#include "net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static struct loop loop;
static struct connector connector;
static unsigned told;
static struct resolver *resolver;
static struct address address;
static struct connect_attempt *under_way;
static struct watch watch;              /* of its socket */
static int server = -1, connected;      /* what listens; what the dial brought */
static char reason[100];

static void ready(struct watch *w, unsigned events)
{
	if (!told)
		connect_attempt_ready(under_way, events);
}

static int set_up(void **state)
{
	loop_init(&loop);
	resolver = resolver_start();
	connector_init(&connector, &loop, resolver);
	told = 0;
	watch.ready = ready;
	connected = -1;
	reason[0] = '\0';
	return 0;
}

static int tear_down(void **state)
{
	resolver_stop(resolver);
	loop_free(&loop);
	connector_free(&connector);
	address_free(&address);
	if (connected >= 0)
		close(connected);
	if (server >= 0)
		close(server);
	server = -1;
	return 0;
}

static void name(const char *text)
{
	char error[200];
	address_free(&address);
	assert_true(address_parse(&address, text, error, sizeof error));
}

/* A port of our own on loopback; closed again unless it shall listen. */
static void own_port(bool listening)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	char text[40];
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&in, len), 0);
	getsockname(server, (struct sockaddr *)&in, &len);
	if (listening)
		assert_int_equal(listen(server, 8), 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(in.sin_port));
	name(text);
}

static void dialled(void *whom, int fd, const char *why)
{
	assert_ptr_equal(whom, &told);
	told++;
	connected = fd;
	snprintf(reason, sizeof reason, "%s", why ? why : "");
	assert_true(fd >= 0 ? !why : why != NULL);
	assert_int_equal(loop.timers, 0);
}

static struct connect_attempt *connect_attempt_it(vn_nsec timeout)
{
	return under_way = connect_attempt_start(
		       &connector, &address, timeout, -1, &watch, dialled, &told);
}

static void wait_told(void)
{
	while (!told)
		loop_once(&loop, true);
	while (loop_once(&loop, false))
		;
	assert_int_equal(told, 1);
}

static void connects(void **state)
{
	char byte;
	own_port(true);
	connect_attempt_it(10 * VN_S);
	wait_told();
	assert_true(connected >= 0);
	int fd = accept(server, NULL, NULL);
	assert_int_equal(write(fd, "x", 1), 1);
	while (read(connected, &byte, 1) != 1)
		;
	assert_int_equal(byte, 'x');
	close(fd);
}

static void refused(void **state)
{
	own_port(false);
	connect_attempt_it(10 * VN_S);
	wait_told();
	assert_int_equal(connected, -1);
	assert_string_equal(reason, "Connection refused");
}

/* What fails at once is told at once, and there is nothing to stop. */
static void no_unix_path(void **state)
{
	name("unix:/nonexistent/socket");
	assert_null(connect_attempt_it(VN_S));
	connect_attempt_stop(NULL);
	wait_told();
	assert_int_equal(connected, -1);
	assert_string_equal(reason, "No such file or directory");
}

static void no_such_name(void **state)
{
	name("name.invalid:80");
	assert_non_null(connect_attempt_it(0));
	assert_int_equal(told, 0);
	wait_told();
	assert_int_equal(connected, -1);
	assert_true(reason[0]);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int spare_fd(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* The spare makes room for the socket, and is closed however the dial ends. */
static void spare(void **state)
{
	int fd = spare_fd();
	own_port(true);
	under_way = connect_attempt_start(&connector, &address, 0, fd, &watch, dialled, &told);
	wait_told();
	assert_int_equal(connected, fd);
	told = 0;
	fd = spare_fd();
	name("name.invalid:80");
	under_way = connect_attempt_start(&connector, &address, 0, fd, &watch, dialled, &told);
	assert_true(is_open(fd));
	wait_told();
	assert_false(is_open(fd));
	fd = spare_fd();
	struct connect_attempt *d = under_way =
		connect_attempt_start(&connector, &address, 0, fd, &watch, dialled, &told);
	connect_attempt_stop(d);
	assert_false(is_open(fd));
}

static void stopped(void **state)
{
	own_port(true);
	struct connect_attempt *d = connect_attempt_it(10 * VN_S);
	connect_attempt_stop(d);
	connect_attempt_stop(d);                   /* until the end of the round it is there */
	assert_int_equal(loop.timers, 0);
	while (loop_once(&loop, false))
		;
	assert_int_equal(told, 0);
	connect_attempt_it(0);
	wait_told();
	assert_true(connected >= 0);
}

/* The name is still being looked up when nobody wants it any more: the second dial hears, the first
 * does not. */
static void stopped_while_looking(void **state)
{
	name("name.invalid:80");
	connect_attempt_stop(connect_attempt_it(10 * VN_S));
	connect_attempt_it(0);
	wait_told();
}

static vn_nsec clock_now;

static vn_nsec clock_mine(void)
{
	return clock_now;
}

/* A server whose queue is full lets a client wait: only the time-out ends that, and no word comes
 * after it. */
static void times_out(void **state)
{
	int fillers[4];
	loop.clock = clock_mine;
	clock_now = VN_S;
	loop_clock(&loop);
	own_port(true);
	listen(server, 0);
	for (int i = 0; i < 4; i++) {
		struct endpoint e;
		address_numeric(&address, false, &e);
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(fillers[i], (struct sockaddr *)&e.addr, e.len);
	}
	connect_attempt_it(2 * VN_S);
	clock_now += 2 * VN_S - 1;
	loop_once(&loop, false);
	assert_int_equal(told, 0);
	clock_now++;
	loop_once(&loop, false);
	assert_string_equal(reason, "connecting takes longer than the time-out");
	wait_told();
	assert_int_equal(connected, -1);
	for (int i = 0; i < 4; i++)
		close(fillers[i]);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(connects), EACH(refused), EACH(no_unix_path), EACH(no_such_name), EACH(spare),
	EACH(stopped), EACH(stopped_while_looking), EACH(times_out),
};

SUITE(attempt, tests)
