/* error.c - tests of errors of the server. */
#include "ask.h"

static void with_failures(void **state)
{
	struct vn_verdict v = ASK("error", "", .moment = VN_ON_REQUEST, .words = true);
	assert_int_equal(v.fate, VN_REPLY);
	assert_null(v.failure);
	v.fate = VN_PASS;
	assert_true(changes_nothing(v));
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
	assert_true(changes_nothing(ASK("error", "", .moment = VN_ON_RESPONSE, .words = true)));
}

/* Without failures in the protocol the response is random bytes only. */
static void without_failures(void **state)
{
	struct vn_verdict v = ASK("error", "", .moment = VN_ON_RESPONSE);
	assert_true(v.keep == 0 && v.dirt.junk == 1000 && v.dirt.at == 0);
	assert_int_equal(v.fate, VN_PASS);
	assert_true(changes_nothing(ASK("error", "", .moment = VN_ON_REQUEST)));
	assert_true(changes_nothing(ASK("error", "", .moment = VN_ON_REST)));
}

static void injected(void **state)
{
	static const char options[] = "inject=true failure=deadlock";
	for (int words = 0; words < 2; words++) {
		struct vn_verdict v = ASK("error", options, .moment = VN_ON_RESPONSE,
		                          .words = words);
		assert_true(v.keep == VN_ALL && v.dirt.junk == 100 && v.dirt.at == VN_MIDDLE);
		assert_int_equal(v.fate, VN_PASS);
		assert_true(changes_nothing(ASK("error", "inject=true", .moment = VN_ON_REQUEST,
		                                .words = words)));
		assert_true(changes_nothing(ASK("error", "inject=true", .moment = VN_ON_REST,
		                                .words = words)));
	}
}

/* The rule counts, not the behavior. */
static void warmup(void **state)
{
	assert_int_equal(ASK("error", "warmup=3", .moment = VN_ON_REQUEST, .words = true).fate,
	                 VN_REPLY);
	assert_int_equal(given.skip, 3);
	assert_int_equal(given.times, UINT64_MAX);
	ASK("error", "", .moment = VN_ON_REQUEST);
	assert_int_equal(given.skip, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(with_failures), cmocka_unit_test(without_failures),
	cmocka_unit_test(injected),
	cmocka_unit_test(warmup),
};

SUITE(error, tests)
