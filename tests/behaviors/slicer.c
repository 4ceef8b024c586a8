/* slicer.c - tests of streams in small pieces. */
#include "ask.h"

static void with_options(void **state)
{
	struct vn_verdict v = ASK("slicer", "average_size=100 size_variation=10 delay=50",
	                          .moment = VN_ON_DATA, .len = 1000);
	assert_true(v.pace.piece == 100 && v.pace.vary == 10 && v.pace.gap == 50 * VN_US &&
	            !v.pace.rate);
	v.pace = (struct vn_pace){ 0 };
	assert_true(changes_nothing(v));
}

static void without_options(void **state)
{
	assert_true(changes_nothing(ASK("slicer", "", .moment = VN_ON_DATA, .len = 1000)));
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(with_options),
                                           cmocka_unit_test(without_options) };

SUITE(slicer, tests)
