/* error.c - tests of requests that are refused. */
#include "ask.h"

static void in_words(void **state)
{
	struct vn_verdict v = ASK("error", "", .moment = VN_ON_REQUEST, .words = true);
	assert_int_equal(v.fate, VN_REPLY);
	assert_null(v.failure);
	v.fate = VN_PASS;
	assert_true(says_nothing(v));
	v = ASK("error", "failure=deadlock", .moment = VN_ON_REQUEST, .words = true);
	assert_int_equal(v.fate, VN_REPLY);
	assert_string_equal(v.failure, "deadlock");
	v = ASK("error", "failure=shutdown", .moment = VN_ON_REST, .words = true);
	assert_int_equal(v.fate, VN_REPLY);
	assert_string_equal(v.failure, "shutdown");
	assert_int_equal(v.after, 0);
	v = ASK("error", "failure=shutdown after=250ms", .moment = VN_ON_REST, .words = true);
	assert_int_equal(v.after, 250 * VN_MS);
	assert_int_equal(ASK("error", "after=1", .moment = VN_ON_REQUEST, .words = true).after, 0);
	assert_true(says_nothing(ASK("error", "", .moment = VN_ON_RESPONSE, .words = true)));
}

/* A protocol without words answers with junk, and nothing but. */
static void without_words(void **state)
{
	struct vn_verdict v = ASK("error", "", .moment = VN_ON_RESPONSE);
	assert_true(v.keep == 0 && v.dirt.junk == 1000 && v.dirt.at == 0);
	assert_int_equal(v.fate, VN_PASS);
	assert_true(says_nothing(ASK("error", "", .moment = VN_ON_REQUEST)));
	assert_true(says_nothing(ASK("error", "", .moment = VN_ON_REST)));
}

static void injected(void **state)
{
	static const char options[] = "inject=true failure=deadlock";
	for (int words = 0; words < 2; words++) {
		struct vn_verdict v = ASK("error", options, .moment = VN_ON_RESPONSE, .words = words);
		assert_true(v.keep == VN_ALL && v.dirt.junk == 100 && v.dirt.at == VN_MIDDLE);
		assert_int_equal(v.fate, VN_PASS);
		assert_true(says_nothing(ASK("error", "inject=true", .moment = VN_ON_REQUEST, .words = words)));
		assert_true(says_nothing(ASK("error", "inject=true", .moment = VN_ON_REST, .words = words)));
	}
}

/* Counting is the rule's, not the behavior's. */
static void warmup(void **state)
{
	assert_int_equal(ASK("error", "warmup=3", .moment = VN_ON_REQUEST, .words = true).fate, VN_REPLY);
	assert_int_equal(told.skip, 3);
	assert_int_equal(told.times, UINT64_MAX);
	ASK("error", "", .moment = VN_ON_REQUEST);
	assert_int_equal(told.skip, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_words), cmocka_unit_test(without_words), cmocka_unit_test(injected),
	cmocka_unit_test(warmup),
};

SUITE(error, tests)
