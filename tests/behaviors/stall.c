/* stall.c - tests of connections that are not read. */
#include "ask.h"

static void connections(void **unused)
{
	uint64_t state[4] = { 0 };
	struct verdict v = ASK("stall", "", .moment = ON_OPEN, .state = state);
	assert_int_equal(v.end, STALL);
	assert_int_equal(v.after, 0);
	assert_true(says_nothing(ASK("stall", "", .moment = ON_REQUEST, .state = state)));
}

static void exchanges(void **unused)
{
	uint64_t state[4] = { 0 };
	struct verdict v = ASK("stall", "after=2", .moment = ON_REQUEST, .state = state);
	assert_int_equal(v.end, STALL);
	assert_int_equal(v.after, 2 * NSEC_S);
	assert_int_equal(v.fate, PASS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(connections), cmocka_unit_test(exchanges),
};

SUITE(stall, tests)
