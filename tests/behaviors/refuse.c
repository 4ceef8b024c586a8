/* refuse.c - tests of a port that is closed; open connections stay. */
#include "ask.h"

static void closes_the_port(void **state)
{
	assert_int_equal(ASK("refuse", "", .moment = VN_ON_LISTEN).end, VN_CLOSE);
	assert_int_equal(behavior_find("refuse")->on, VN_ON_LISTEN);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(closes_the_port) };
SUITE(refuse, tests)
