/* slow_open.c - tests of late first bytes. */
#include "ask.h"

static uint64_t state[2];

static struct vn_verdict at(enum vn_direction d)
{
	return ASK("slow_open", "delay=200", .moment = VN_ON_DATA, .direction = d, .len = 1,
	           .state = state);
}

static void the_first_only(void **unused)
{
	memset(state, 0, sizeof state);
	assert_int_equal(at(VN_RESPONSE).hold, 200 * VN_MS);
	assert_true(changes_nothing(at(VN_RESPONSE)));
	assert_int_equal(at(VN_REQUEST).hold, 200 * VN_MS);
	assert_true(changes_nothing(at(VN_REQUEST)));
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(the_first_only) };

SUITE(slow_open, tests)
