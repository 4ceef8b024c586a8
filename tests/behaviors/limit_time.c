/* limit_time.c - tests of connections that end after a time. */
#include "ask.h"

static void after_the_given_time(void **state)
{
	struct vn_verdict v = ASK("limit_time", "time=1500", .moment = VN_ON_OPEN);
	assert_true(v.end == VN_CLOSE && v.after == 1500 * VN_MS);
	v = ASK("limit_time", "", .moment = VN_ON_OPEN);
	assert_true(v.end == VN_CLOSE && !v.after);
	assert_int_equal(behavior_find("limit_time")->on, VN_ON_OPEN);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(after_the_given_time) };

SUITE(limit_time, tests)
