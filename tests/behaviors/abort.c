/* abort.c - tests of connections that close instead of a response. */
#include "ask.h"

/* The request passes. The end is in turn, so earlier requests are answered first. */
static void requests(void **state)
{
	struct vn_verdict v = ASK("abort", "", .moment = VN_ON_REQUEST);
	assert_int_equal(v.end, VN_CLOSE);
	v.end = VN_STAY;
	assert_true(changes_nothing(v));
}

static void greetings(void **state)
{
	const struct vn_message greeting = { .role = VN_PUSH, .is = VN_IS_OPENING };
	assert_true(changes_nothing(ASK("abort", "", .moment = VN_ON_REQUEST,
	                                .direction = VN_RESPONSE, .msg = &greeting)));
}

static void nothing_else(void **state)
{
	assert_true(changes_nothing(ASK("abort", "", .moment = VN_ON_OPEN)));
	assert_true(changes_nothing(ASK("abort", "", .moment = VN_ON_RESPONSE)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(requests), cmocka_unit_test(greetings), cmocka_unit_test(nothing_else),
};

SUITE(abort, tests)
