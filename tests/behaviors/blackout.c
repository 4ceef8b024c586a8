/* blackout.c - tests of a server that is out. */
#include "ask.h"

static void connections(void **state)
{
	struct verdict v = ASK("blackout", "", .moment = ON_OPEN);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.after, 0);
}

/* The backend sees nothing of an exchange that is struck. */
static void exchanges(void **state)
{
	struct verdict v = ASK("blackout", "", .moment = ON_REQUEST);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.fate, DROP);
}

static void nothing_else(void **state)
{
	assert_true(says_nothing(ASK("blackout", "", .moment = ON_RESPONSE)));
	assert_true(says_nothing(ASK("blackout", "", .moment = ON_END)));
	assert_true(says_nothing(ASK("blackout", "", .moment = ON_LEAVE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(connections), cmocka_unit_test(exchanges), cmocka_unit_test(nothing_else),
};

SUITE(blackout, tests)
