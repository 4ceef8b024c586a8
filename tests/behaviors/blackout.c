/* blackout.c - tests of a server that has crashed. */
#include "ask.h"

static void connections(void **state)
{
	struct vn_verdict v = ASK("blackout", "", .moment = VN_ON_OPEN);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.after, 0);
}

/* The backend must not see the request. */
static void exchanges(void **state)
{
	struct vn_verdict v = ASK("blackout", "", .moment = VN_ON_REQUEST);
	assert_int_equal(v.end, VN_RESET);
	assert_int_equal(v.fate, VN_DROP);
}

static void nothing_else(void **state)
{
	assert_true(changes_nothing(ASK("blackout", "", .moment = VN_ON_RESPONSE)));
	assert_true(changes_nothing(ASK("blackout", "", .moment = VN_ON_END)));
	assert_true(changes_nothing(ASK("blackout", "", .moment = VN_ON_LEAVE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(connections), cmocka_unit_test(exchanges), cmocka_unit_test(nothing_else),
};

SUITE(blackout, tests)
