/* timeout.c - tests of discarded bytes, and of the end after a silence. */
#include "ask.h"

static void dropped_and_closed(void **state)
{
	struct vn_verdict v = ASK("timeout", "timeout=500", .moment = VN_ON_DATA, .len = 10);
	assert_true(v.fate == VN_DROP && v.end == VN_CLOSE && v.after == 500 * VN_MS);
	v = ASK("timeout", "timeout=500", .moment = VN_ON_OPEN);
	assert_true(v.fate == VN_PASS && v.end == VN_CLOSE && v.after == 500 * VN_MS);
}

static void never_by_itself(void **state)
{
	struct vn_verdict v = ASK("timeout", "timeout=0", .moment = VN_ON_DATA, .len = 10);
	assert_true(v.fate == VN_DROP && v.end == VN_STAY);
	assert_true(changes_nothing(ASK("timeout", "", .moment = VN_ON_OPEN)));
}

static void closed_when_it_goes(void **state)
{
	struct vn_verdict v = ASK("timeout", "timeout=0", .moment = VN_ON_LEAVE);
	assert_true(v.end == VN_CLOSE && v.after == 0);
	v = ASK("timeout", "timeout=500", .moment = VN_ON_LEAVE);
	assert_true(v.end == VN_CLOSE && v.after == 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(dropped_and_closed), cmocka_unit_test(never_by_itself),
	cmocka_unit_test(closed_when_it_goes),
};

SUITE(timeout, tests)
