/* corrupt.c - tests of wrong bytes. */
#include "ask.h"

static void flipped(void **state)
{
	struct vn_verdict v = ASK("corrupt", "bits=3", .moment = VN_ON_RESPONSE, .len = 100);
	assert_int_equal(v.dirt.flips, 3);
	v.dirt.flips = 0;
	assert_true(changes_nothing(v));
	assert_int_equal(ASK("corrupt", "", .moment = VN_ON_REQUEST, .len = 100).dirt.flips, 1);
	assert_true(changes_nothing(ASK("corrupt", "", .moment = VN_ON_DATA, .len = 100)));
	assert_true(changes_nothing(ASK("corrupt", "bits=0", .moment = VN_ON_RESPONSE,
	                                .len = 100)));
}

/* Each piece keeps its length. */
static void random_bytes(void **state)
{
	static const size_t sizes[] = { 1, 100, 65536, 65537, 1000000 };
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct vn_verdict v = ASK("corrupt", "random=true", .moment = VN_ON_DATA,
		                          .len = sizes[i]);
		assert_int_equal(v.keep + v.dirt.junk, sizes[i]);
		assert_int_equal(v.dirt.junk, sizes[i] < 65536 ? sizes[i] : 65536);
		assert_int_equal(v.dirt.at, 0);
		assert_int_equal(v.dirt.flips, 0);
	}
	assert_true(changes_nothing(ASK("corrupt", "random=true", .moment = VN_ON_RESPONSE,
	                                .len = 100)));
}

static void nothing_at_hand(void **state)
{
	assert_true(changes_nothing(ASK("corrupt", "", .moment = VN_ON_RESPONSE)));
	assert_true(changes_nothing(ASK("corrupt", "", .moment = VN_ON_REQUEST)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(flipped), cmocka_unit_test(random_bytes),
	cmocka_unit_test(nothing_at_hand),
};

SUITE(corrupt, tests)
