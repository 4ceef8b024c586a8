/* limit_time.c - tests of connections that live so long. */
#include "ask.h"

static void as_long_as_said(void **state)
{
	struct verdict v = ASK("limit_time", "time=1500", .moment = ON_OPEN);
	assert_true(v.end == CLOSE && v.after == 1500 * NSEC_MS);
	v = ASK("limit_time", "", .moment = ON_OPEN);
	assert_true(v.end == CLOSE && !v.after);
	assert_int_equal(behavior_find("limit_time")->on, ON_OPEN);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(as_long_as_said) };

SUITE(limit_time, tests)
