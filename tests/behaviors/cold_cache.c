/* cold_cache.c - tests of the empty cache. */
#include "ask.h"

static void misses(void **state)
{
	struct vn_verdict v = ASK("cold_cache", "", .moment = VN_ON_REQUEST, .words = true);
	assert_int_equal(v.fate, VN_REPLY);
	assert_string_equal(v.failure, "miss");
	v.fate = VN_PASS;
	v.failure = NULL;
	assert_true(changes_nothing(v));
	assert_true(changes_nothing(ASK("cold_cache", "", .moment = VN_ON_RESPONSE,
	                                .words = true)));
	assert_true(changes_nothing(ASK("cold_cache", "", .moment = VN_ON_REST, .words = true)));
}

/* So a protocol without that failure rejects it. */
static void needs_the_failure(void **state)
{
	assert_string_equal(behavior_find("cold_cache")->failure, "miss");
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(misses),
                                           cmocka_unit_test(needs_the_failure) };

SUITE(cold_cache, tests)
