/* stall.c - tests of connections that are not read. */
#include "ask.h"

static void connections(void **unused)
{
	uint64_t state[4] = { 0 };
	struct vn_verdict v = ASK("stall", "", .moment = VN_ON_OPEN, .state = state);
	assert_int_equal(v.end, VN_STALL);
	assert_int_equal(v.after, 0);
	assert_true(changes_nothing(ASK("stall", "", .moment = VN_ON_REQUEST, .state = state)));
}

static void exchanges(void **unused)
{
	uint64_t state[4] = { 0 };
	struct vn_verdict v = ASK("stall", "after=2", .moment = VN_ON_REQUEST, .state = state);
	assert_int_equal(v.end, VN_STALL);
	assert_int_equal(v.after, 2 * VN_S);
	assert_int_equal(v.fate, VN_PASS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(connections), cmocka_unit_test(exchanges),
};

SUITE(stall, tests)
