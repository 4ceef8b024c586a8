/* hang.c - tests of a server that answers nothing. */
#include "ask.h"

static void held(void **state)
{
	static const enum vn_moment moments[] = { VN_ON_REQUEST, VN_ON_RESPONSE, VN_ON_END };
	for (int i = 0; i < 3; i++) {
		struct vn_verdict v = ASK("hang", "", .moment = moments[i]);
		assert_int_equal(v.hold, VN_NEVER);
		v.hold = 0;
		assert_true(changes_nothing(v));   /* no byte is lost */
	}
}

static void connected(void **state)
{
	assert_true(changes_nothing(ASK("hang", "", .moment = VN_ON_OPEN)));
	assert_true(changes_nothing(ASK("hang", "", .moment = VN_ON_LEAVE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(held), cmocka_unit_test(connected),
};

SUITE(hang, tests)
