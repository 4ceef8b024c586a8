/* lost_reply.c - tests of answers that are lost. */
#include "ask.h"

static void lost(void **state)
{
	struct verdict v = ASK("lost_reply", "", .moment = ON_RESPONSE, .len = 10);
	assert_int_equal(v.fate, DROP);
	assert_int_equal(v.end, CLOSE);
	assert_int_equal(v.after, 0);
	assert_int_equal(ASK("lost_reply", "end=reset", .moment = ON_RESPONSE, .len = 10).end, RESET);
	assert_true(says_nothing(ASK("lost_reply", "", .moment = ON_REQUEST, .len = 10)));
}

/* Also where messages have no kind. */
static void bytes(void **state)
{
	const struct message turn = { .role = ASKS, .verb = "DATA" };
	assert_int_equal(ASK("lost_reply", "", .moment = ON_RESPONSE, .msg = &turn, .len = 1).fate, DROP);
}

static void not_these(void **state)
{
	const struct message greeting = { .role = PUSH, .is = IS_OPENING }, login = { .role = ASKS, .is = IS_LOGIN };
	assert_true(says_nothing(ASK("lost_reply", "", .moment = ON_RESPONSE, .msg = &greeting, .len = 10)));
	assert_true(says_nothing(ASK("lost_reply", "", .moment = ON_RESPONSE, .msg = &login, .len = 10)));
	assert_true(says_nothing(ASK("lost_reply", "", .moment = ON_RESPONSE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lost), cmocka_unit_test(bytes), cmocka_unit_test(not_these),
};

SUITE(lost_reply, tests)
