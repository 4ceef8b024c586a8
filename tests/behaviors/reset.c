/* reset.c - tests of connections that end with RST. */
#include "ask.h"

static uint64_t state[4];

static struct vn_verdict at(const char *options, struct vn_event e)
{
	e.state = state;
	return ask("reset", options, e);
}

#define AT(options, ...) at(options, (struct vn_event){ __VA_ARGS__ })

static int fresh(void **unused)
{
	memset(state, 0, sizeof state);
	return 0;
}

/* A rule without probability acts on connections, and ignores their requests. */
static void connections(void **unused)
{
	struct vn_verdict v = AT("", .moment = VN_ON_OPEN);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.after, 0);
	assert_true(changes_nothing(AT("", .moment = VN_ON_REQUEST)));
	assert_true(changes_nothing(AT("", .moment = VN_ON_DATA, .len = 100)));
}

static void exchanges(void **unused)
{
	struct vn_verdict v = AT("", .moment = VN_ON_REQUEST);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.fate, VN_DROP);
}

static void after(void **unused)
{
	struct vn_verdict v = AT("after=2", .moment = VN_ON_REQUEST);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.after, 2 * VN_S);
	assert_int_equal(v.fate, VN_PASS);
	assert_int_equal(AT("after=2", .moment = VN_ON_OPEN).after, 2 * VN_S);
	assert_true(changes_nothing(AT("after=2", .moment = VN_ON_REQUEST)));
}

static void bytes(void **unused)
{
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_OPEN)));
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_REQUEST)));
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_DATA, .len = 9)));
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_DATA, .len = 5, .passed = 4)));
	struct vn_verdict v = AT("bytes=10", .moment = VN_ON_DATA, .len = 9, .passed = 4);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.keep, 6);
	/* Exactly reached: the piece passes whole. */
	v = AT("bytes=10", .moment = VN_ON_DATA, .len = 6, .passed = 4);
	assert_int_equal(v.end, VN_RESET);
	assert_true(v.keep == VN_ALL);
	v = AT("bytes=10", .moment = VN_ON_DATA, .len = 1, .passed = 11);
	assert_int_equal(v.keep, 0);
}

static void whichever_is_first(void **unused)
{
	assert_int_equal(AT("after=2 bytes=10", .moment = VN_ON_OPEN).after, 2 * VN_S);
	assert_int_equal(AT("after=2 bytes=10", .moment = VN_ON_DATA, .len = 10).end, VN_RESET);
}

#define EACH(f) cmocka_unit_test_setup(f, fresh)

static const struct CMUnitTest tests[] = {
	EACH(connections), EACH(exchanges), EACH(after), EACH(bytes), EACH(whichever_is_first),
};

SUITE(reset, tests)
