/* close.c - tests of connections that are closed with FIN. */
#include "ask.h"

static uint64_t state[4];

static struct vn_verdict at(const char *options, struct vn_event e)
{
	e.state = state;
	return ask("close", options, e);
}

#define AT(options, ...) at(options, (struct vn_event){ __VA_ARGS__ })

static int fresh(void **unused)
{
	memset(state, 0, sizeof state);
	return 0;
}

static void connections(void **unused)
{
	assert_int_equal(AT("", .moment = VN_ON_OPEN).end, VN_CLOSE);
	assert_int_equal(AT("after=1", .moment = VN_ON_OPEN).after, VN_S);
	assert_true(changes_nothing(AT("after=1", .moment = VN_ON_RESPONSE, .len = 1)));
}

/* The response passes: the end is in turn. */
static void exchanges(void **unused)
{
	struct vn_verdict v = AT("", .moment = VN_ON_RESPONSE, .len = 1);
	assert_int_equal(v.end, VN_CLOSE);
	v.end = VN_STAY;
	assert_true(changes_nothing(v));
	assert_int_equal(AT("after=3", .moment = VN_ON_RESPONSE, .len = 1).after, 3 * VN_S);
}

static void bytes(void **unused)
{
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_OPEN)));
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_RESPONSE, .len = 20)));
	assert_true(changes_nothing(AT("bytes=10", .moment = VN_ON_DATA, .len = 4, .passed = 5)));
	struct vn_verdict v = AT("bytes=10", .moment = VN_ON_DATA, .len = 7, .passed = 5);
	assert_int_equal(v.end, VN_CLOSE);
	assert_int_equal(v.keep, 5);
	assert_true(changes_nothing(AT("", .moment = VN_ON_DATA, .len = 7)));
}

static void not_after_our_own_errors(void **unused)
{
	assert_true(changes_nothing(AT("", .moment = VN_ON_RESPONSE)));
}

#define EACH(f) cmocka_unit_test_setup(f, fresh)

static const struct CMUnitTest tests[] = {
	EACH(connections), EACH(exchanges), EACH(bytes), EACH(not_after_our_own_errors),
};

SUITE(close, tests)
