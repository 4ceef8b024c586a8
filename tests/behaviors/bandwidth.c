/* bandwidth.c - tests of a slow line. */
#include "ask.h"

static void as_fast_as_said(void **state)
{
	struct vn_verdict v = ASK("bandwidth", "rate=100", .moment = VN_ON_DATA, .len = 10);
	assert_int_equal(v.pace.rate, 100000);
	v.pace.rate = 0;
	assert_true(says_nothing(v));
	assert_true(says_nothing(ASK("bandwidth", "rate=100", .moment = VN_ON_END)));      /* an end has no length */
}

static void nothing_passes(void **state)
{
	assert_int_equal(ASK("bandwidth", "", .moment = VN_ON_DATA, .len = 10).hold, VN_NEVER);
	assert_int_equal(ASK("bandwidth", "rate=0", .moment = VN_ON_END).hold, VN_NEVER);
}

static void faster_than_can_be_said(void **state)
{
	assert_int_equal(ASK("bandwidth", "rate=18446744073709551", .moment = VN_ON_DATA, .len = 1).pace.rate, 18446744073709551000u);
	assert_true(says_nothing(ASK("bandwidth", "rate=9223372036854775807", .moment = VN_ON_DATA, .len = 1)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(as_fast_as_said), cmocka_unit_test(nothing_passes), cmocka_unit_test(faster_than_can_be_said),
};

SUITE(bandwidth, tests)
