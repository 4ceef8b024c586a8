/* bandwidth.c - tests of a slow line. */
#include "ask.h"

static void at_the_given_rate(void **state)
{
	struct vn_verdict v = ASK("bandwidth", "rate=100", .moment = VN_ON_DATA, .len = 10);
	assert_int_equal(v.pace.rate, 100000);
	v.pace.rate = 0;
	assert_true(changes_nothing(v));
	/* An end has no bytes. */
	assert_true(changes_nothing(ASK("bandwidth", "rate=100", .moment = VN_ON_END)));
}

static void nothing_passes(void **state)
{
	assert_int_equal(ASK("bandwidth", "", .moment = VN_ON_DATA, .len = 10).hold, VN_NEVER);
	assert_int_equal(ASK("bandwidth", "rate=0", .moment = VN_ON_END).hold, VN_NEVER);
}

static void above_64_bits(void **state)
{
	assert_int_equal(ASK("bandwidth", "rate=18446744073709551", .moment = VN_ON_DATA,
	                     .len = 1).pace.rate, 18446744073709551000u);
	assert_true(changes_nothing(ASK("bandwidth", "rate=9223372036854775807",
	                                .moment = VN_ON_DATA, .len = 1)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_the_given_rate), cmocka_unit_test(nothing_passes),
	cmocka_unit_test(above_64_bits),
};

SUITE(bandwidth, tests)
