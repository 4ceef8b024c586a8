/* vanish.c - tests of vanish: port and connections alike give no answer. */
#include "ask.h"

static void answers_nobody(void **state)
{
	assert_int_equal(ASK("vanish", "", .moment = ON_LISTEN).end, VANISH);
	assert_int_equal(ASK("vanish", "", .moment = ON_OPEN).end, VANISH);
	assert_int_equal(ASK("vanish", "", .moment = ON_REQUEST).end, VANISH);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(answers_nobody) };
SUITE(vanish, tests)
