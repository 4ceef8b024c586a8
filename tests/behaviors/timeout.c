/* timeout.c - tests of bytes that go nowhere until nobody sends any more. */
#include "ask.h"

static void dropped_and_closed(void **state)
{
	struct verdict v = ASK("timeout", "timeout=500", .moment = ON_DATA, .len = 10);
	assert_true(v.fate == DROP && v.end == CLOSE && v.after == 500 * NSEC_MS);
	v = ASK("timeout", "timeout=500", .moment = ON_OPEN);
	assert_true(v.fate == PASS && v.end == CLOSE && v.after == 500 * NSEC_MS);
}

static void never_by_itself(void **state)
{
	struct verdict v = ASK("timeout", "timeout=0", .moment = ON_DATA, .len = 10);
	assert_true(v.fate == DROP && v.end == STAY);
	assert_true(says_nothing(ASK("timeout", "", .moment = ON_OPEN)));
}

static void closed_when_it_goes(void **state)
{
	struct verdict v = ASK("timeout", "timeout=0", .moment = ON_LEAVE);
	assert_true(v.end == CLOSE && v.after == 0);
	v = ASK("timeout", "timeout=500", .moment = ON_LEAVE);
	assert_true(v.end == CLOSE && v.after == 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(dropped_and_closed), cmocka_unit_test(never_by_itself), cmocka_unit_test(closed_when_it_goes),
};

SUITE(timeout, tests)
