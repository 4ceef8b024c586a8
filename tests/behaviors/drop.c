/* drop.c - tests of discarded messages. */
#include "ask.h"

static void vanish(void **state)
{
	static const enum vn_moment moments[] = { VN_ON_REQUEST, VN_ON_RESPONSE };
	for (int i = 0; i < 2; i++) {
		struct vn_verdict v = ASK("drop", "", .moment = moments[i], .len = 10);
		assert_int_equal(v.fate, VN_DROP);
		v.fate = VN_PASS;
		assert_true(changes_nothing(v));           /* the connection stays */
	}
	assert_int_equal(behavior_find("drop")->direction, VN_REQUEST);
}

/* A greeting has no request; an error of our own has no bytes. */
static void nothing_at_hand(void **state)
{
	assert_true(changes_nothing(ASK("drop", "", .moment = VN_ON_REQUEST)));
	assert_true(changes_nothing(ASK("drop", "", .moment = VN_ON_RESPONSE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(vanish), cmocka_unit_test(nothing_at_hand),
};

SUITE(drop, tests)
