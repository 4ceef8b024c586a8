/* refuse.c - tests of refuse: the port is closed, connections are none of its business. */
#include "ask.h"

static void closes_the_port(void **state)
{
	assert_int_equal(ASK("refuse", "", .moment = ON_LISTEN).end, CLOSE);
	assert_int_equal(behavior_find("refuse")->on, ON_LISTEN);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(closes_the_port) };
SUITE(refuse, tests)
