/* congestion.c - tests of what is chosen for sockets to this machine itself. */
#include "net/congestion.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static void loopback(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	char name[16] = "";
	int listening = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(listening, 1), 0);
	getsockname(listening, (struct sockaddr *)&a, &len);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	congestion_reno(fd);
	len = sizeof name;
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "reno");
	close(fd);
	close(listening);
}

/* Others keep what the system chose, and what is no TCP has nothing to choose. */
static void others(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), pair[2];
	char before[16] = "", after[16] = "";
	socklen_t len = sizeof before;
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, before, &len), 0);
	congestion_reno(fd);            /* not connected: nobody knows to whom */
	len = sizeof after;
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, after, &len), 0);
	assert_string_equal(before, after);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	congestion_reno(pair[0]);
	congestion_reno(-1);
	assert_int_equal(congestion_paces(), strcmp(before, "reno") && strcmp(before, "cubic"));
	close(fd);
	close(pair[0]);
	close(pair[1]);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(loopback), cmocka_unit_test(others) };

SUITE(congestion, tests)
