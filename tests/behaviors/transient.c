/* transient.c - tests of an error that ends by itself. */
#include "ask.h"

static void how_many(void **state)
{
	assert_int_equal(ASK("transient", "", .moment = VN_ON_REQUEST, .words = true).fate,
	                 VN_REPLY);
	assert_int_equal(given.times, 1);
	assert_int_equal(given.skip, 0);
	ASK("transient", "agitate=5 warmup=2", .moment = VN_ON_REQUEST);
	assert_int_equal(given.times, 5);
	assert_int_equal(given.skip, 2);
	ASK("transient", "agitate=0", .moment = VN_ON_REQUEST);
	assert_int_equal(given.times, 0);
}

/* The same verdict as that of error, at each moment, with failures and without. */
static void like_error(void **state)
{
	static const char *const options[] = {
		"", "inject=true", "failure=deadlock", "inject=true failure=deadlock",
	};
	char one[160], other[160];
	for (int i = 0; i < 4; i++)
		for (enum vn_moment m = VN_ON_OPEN; m <= VN_ON_LEAVE; m <<= 1)
			for (int words = 0; words < 2; words++) {
				struct vn_verdict a = ASK("error", options[i], .moment = m,
				                          .words = words);
				bool named = a.failure;
				struct vn_verdict b = ASK("transient", options[i], .moment = m,
				                          .words = words);
				assert_int_equal(named, b.failure != NULL);
				assert_true(!named || !strcmp(b.failure, "deadlock"));
				verdict_show(&a, NULL, one, sizeof one);
				assert_string_equal(verdict_show(&b, NULL, other, sizeof other),
				                    one);
				assert_int_equal(a.dirt.at, b.dirt.at);
			}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(how_many), cmocka_unit_test(like_error),
};

SUITE(transient, tests)
