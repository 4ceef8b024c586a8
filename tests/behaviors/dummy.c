/* dummy.c - tests of no fault. */
#include "ask.h"

static void nothing_happens(void **state)
{
	for (enum vn_moment m = VN_ON_OPEN; m <= VN_ON_LEAVE; m <<= 1)
		assert_true(changes_nothing(ASK("dummy", "", .moment = m)));
	assert_int_equal(behavior_find("dummy")->on, 0);        /* act() is never called */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_happens),
};

SUITE(dummy, tests)
