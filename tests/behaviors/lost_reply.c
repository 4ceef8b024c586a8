/* lost_reply.c - tests of lost responses. */
#include "ask.h"

static void lost(void **state)
{
	struct vn_verdict v = ASK("lost_reply", "", .moment = VN_ON_RESPONSE, .len = 10);
	assert_int_equal(v.fate, VN_DROP);
	assert_int_equal(v.end, VN_CLOSE);
	assert_int_equal(v.after, 0);
	assert_int_equal(ASK("lost_reply", "end=reset", .moment = VN_ON_RESPONSE, .len = 10).end,
	                 VN_RESET);
	assert_true(changes_nothing(ASK("lost_reply", "", .moment = VN_ON_REQUEST, .len = 10)));
}

/* Messages without a kind, too. */
static void bytes(void **state)
{
	const struct vn_message turn = { .role = VN_ASKS, .verb = "DATA" };
	assert_int_equal(ASK("lost_reply", "", .moment = VN_ON_RESPONSE, .msg = &turn,
	                     .len = 1).fate, VN_DROP);
}

static void not_these(void **state)
{
	const struct vn_message greeting = { .role = VN_PUSH, .is = VN_IS_OPENING },
		login = { .role = VN_ASKS, .is = VN_IS_LOGIN };
	assert_true(changes_nothing(ASK("lost_reply", "", .moment = VN_ON_RESPONSE,
	                                .msg = &greeting, .len = 10)));
	assert_true(changes_nothing(ASK("lost_reply", "", .moment = VN_ON_RESPONSE, .msg = &login,
	                                .len = 10)));
	assert_true(changes_nothing(ASK("lost_reply", "", .moment = VN_ON_RESPONSE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lost), cmocka_unit_test(bytes), cmocka_unit_test(not_these),
};

SUITE(lost_reply, tests)
