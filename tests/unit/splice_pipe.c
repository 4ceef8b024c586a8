/* splice_pipe.c - tests of the kernel's pipes, and of how many there are. */
#include "net/splice_pipe.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

static void there_and_back(void **state)
{
	struct splice_pipes all;
	char got[8] = "";
	int in[2], out[2];
	splice_pipes_init(&all, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, in), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, out), 0);
	struct splice_pipe *d = splice_pipe_take(&all, 0);
	assert_non_null(d);
	assert_true(d->room >= 1 << 18);
	assert_int_equal(splice_pipe_fill(d, in[0], 100), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(write(in[1], "abcdef", 6), 6);
	assert_int_equal(splice_pipe_fill(d, in[0], 4), 4);
	assert_int_equal(d->n, 4);
	assert_int_equal(splice_pipe_flush(&all, d, out[0]), 4);
	assert_int_equal(all.moved, 4);
	assert_int_equal(read(out[1], got, sizeof got), 4);
	assert_memory_equal(got, "abcd", 4);
	close(in[1]);
	assert_int_equal(splice_pipe_fill(d, in[0], 100), 2);
	assert_int_equal(splice_pipe_fill(d, in[0], 100), 0);
	splice_pipe_give(&all, d);             /* with bytes in it: it must not come again */
	assert_int_equal(all.made, 0);
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void bounded(void **state)
{
	struct splice_pipes all;
	struct splice_pipe *of[60];
	unsigned n = 0;
	splice_pipes_init(&all, 1);
	while (n < 60 && (of[n] = splice_pipe_take(&all, 0)))
		n++;
	assert_true(n > 8 && n <= 48);
	while (n)
		splice_pipe_give(&all, of[--n]);
	assert_int_equal(all.made, 8);
	struct splice_pipe *again = splice_pipe_take(&all, 0);
	assert_non_null(again);
	assert_int_equal(all.made, 8);
	splice_pipe_give(&all, again);
	splice_pipes_trim(&all);
	assert_int_equal(all.made, 0);
	assert_null(all.spare);
}

/* Where there is none to be had, the kernel is not asked again at every read. */
static void refused(void **state)
{
	struct splice_pipes all;
	struct rlimit old, none;
	splice_pipes_init(&all, 64);
	assert_int_equal(all.most, 1);
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	assert_null(splice_pipe_take(&all, 0));
	setrlimit(RLIMIT_NOFILE, &old);
	assert_null(splice_pipe_take(&all, VN_S - 1));
	struct splice_pipe *d = splice_pipe_take(&all, VN_S);
	assert_non_null(d);
	splice_pipe_give(&all, d);
	splice_pipes_trim(&all);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(there_and_back),
	cmocka_unit_test(bounded),
	cmocka_unit_test(refused),
};

SUITE(splice_pipe, tests)
