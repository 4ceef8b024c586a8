/* limit_data.c - tests of connections that end after a number of bytes. */
#include "ask.h"

static struct vn_verdict at(const char *options, size_t len, uint64_t passed)
{
	return ASK("limit_data", options, .moment = VN_ON_DATA, .len = len, .passed = passed);
}

static void to_the_byte(void **state)
{
	assert_true(changes_nothing(at("bytes=10", 9, 0)));
	assert_true(changes_nothing(at("bytes=10", 4, 5)));
	struct vn_verdict v = at("bytes=10", 6, 5);
	assert_true(v.keep == 5 && v.end == VN_CLOSE && !v.after);
	v = at("bytes=10", 5, 5);               /* exactly reached: no further byte is needed */
	assert_true(v.keep == VN_ALL && v.end == VN_CLOSE);
}

/* More bytes have passed than the limit now allows. */
static void used_up(void **state)
{
	struct vn_verdict v = at("bytes=3", 1, 5);
	assert_true(v.keep == 0 && v.end == VN_CLOSE);
	v = at("", 1, 0);
	assert_true(v.keep == 0 && v.end == VN_CLOSE);
}

static void huge(void **state)
{
	assert_true(changes_nothing(at("bytes=9223372036854775807", 1 << 20, 1 << 30)));
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(to_the_byte), cmocka_unit_test(used_up),
                                           cmocka_unit_test(huge) };

SUITE(limit_data, tests)
