/* vanish.c - tests of a machine that is gone: neither port nor connections answer. */
#include "ask.h"

static void answers_nobody(void **state)
{
	assert_int_equal(ASK("vanish", "", .moment = VN_ON_LISTEN).end, VN_VANISH);
	assert_int_equal(ASK("vanish", "", .moment = VN_ON_OPEN).end, VN_VANISH);
	assert_int_equal(ASK("vanish", "", .moment = VN_ON_REQUEST).end, VN_VANISH);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(answers_nobody) };
SUITE(vanish, tests)
