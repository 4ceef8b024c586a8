/* noop.c - a test that nothing happens. */
#include "ask.h"

static void nothing(void **state)
{
	assert_int_equal(behavior_find("noop")->on, 0);
	assert_true(changes_nothing(ASK("noop", "", .moment = VN_ON_DATA, .len = 10)));
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(nothing) };

SUITE(noop, tests)
