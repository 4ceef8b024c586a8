/* slow_connect.c - tests of late connects to the backend. */
#include "ask.h"

static void dial(void **state)
{
	struct vn_verdict v = ASK("slow_connect", "", .moment = VN_ON_OPEN);
	assert_int_equal(v.hold, VN_S);
	v.hold = 0;
	assert_true(changes_nothing(v));
	assert_int_equal(ASK("slow_connect", "sleep=50ms", .moment = VN_ON_OPEN).hold, 50 * VN_MS);
	assert_int_equal(ASK("slow_connect", "percentiles=0:3s", .moment = VN_ON_OPEN).hold,
	                 3 * VN_S);
}

static void varies(void **state)
{
	vn_nsec a = ASK("slow_connect", "jitter=0.5", .moment = VN_ON_OPEN, .exchange = 1).hold;
	vn_nsec b = ASK("slow_connect", "jitter=0.5", .moment = VN_ON_OPEN, .exchange = 2).hold;
	assert_int_not_equal(a, b);
	assert_in_range(a, VN_S / 2, VN_S * 3 / 2);
	assert_in_range(b, VN_S / 2, VN_S * 3 / 2);
}

static void nothing_else(void **state)
{
	assert_true(changes_nothing(ASK("slow_connect", "", .moment = VN_ON_REQUEST)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(dial), cmocka_unit_test(varies), cmocka_unit_test(nothing_else),
};

SUITE(slow_connect, tests)
