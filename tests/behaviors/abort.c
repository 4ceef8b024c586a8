/* abort.c - tests of connections that close in place of an answer. */
#include "ask.h"

/* The request passes; the end is in turn, so that earlier ones are answered first. */
static void requests(void **state)
{
	struct vn_verdict v = ASK("abort", "", .moment = VN_ON_REQUEST);
	assert_int_equal(v.end, VN_CLOSE);
	v.end = VN_STAY;
	assert_true(says_nothing(v));
}

static void greetings(void **state)
{
	const struct vn_message greeting = { .role = VN_PUSH, .is = VN_IS_OPENING };
	assert_true(says_nothing(ASK("abort", "", .moment = VN_ON_REQUEST, .direction = VN_RESPONSE, .msg = &greeting)));
}

static void nothing_else(void **state)
{
	assert_true(says_nothing(ASK("abort", "", .moment = VN_ON_OPEN)));
	assert_true(says_nothing(ASK("abort", "", .moment = VN_ON_RESPONSE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(requests), cmocka_unit_test(greetings), cmocka_unit_test(nothing_else),
};

SUITE(abort, tests)
