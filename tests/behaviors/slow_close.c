/* slow_close.c - tests of a late end of the stream. */
#include "ask.h"

static void the_end_only(void **state)
{
	struct vn_verdict v = ASK("slow_close", "delay=100", .moment = VN_ON_END);
	assert_int_equal(v.hold, 100 * VN_MS);
	v.hold = 0;
	assert_true(changes_nothing(v));
	assert_true(changes_nothing(ASK("slow_close", "", .moment = VN_ON_END)));
	assert_int_equal(behavior_find("slow_close")->on, VN_ON_END);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(the_end_only) };

SUITE(slow_close, tests)
