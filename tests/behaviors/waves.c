/* waves.c - tests of a delay that rises and falls. */
#include "ask.h"

/* The delay in ms, after `eighths` of the period. */
static int at(const char *shape, int eighths)
{
	char options[100];
	snprintf(options, sizeof options, "shape=%s period=8 low=0.1 high=0.9", shape);
	struct vn_verdict v = ASK("waves", options, .moment = VN_ON_REQUEST, .age = eighths * VN_S);
	vn_nsec late = v.hold;
	v.hold = 0;
	assert_true(changes_nothing(v));
	return (int)((late + VN_MS / 2) / VN_MS);
}

static void shapes(void **state)
{
	static const struct { const char *shape; int late[9]; } rows[] = {
		{ "sine", { 100, 217, 500, 783, 900, 783, 500, 217, 100 } },
		{ "square", { 100, 100, 100, 100, 900, 900, 900, 900, 100 } },
		{ "saw", { 100, 200, 300, 400, 500, 600, 700, 800, 100 } },
		{ "triangle", { 100, 300, 500, 700, 900, 700, 500, 300, 100 } },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int eighths = 0; eighths < 9; eighths++)
			assert_int_equal(at(rows[i].shape, eighths), rows[i].late[eighths]);
}

static void goes_on(void **state)
{
	assert_int_equal(at("saw", 8 * 1000000 + 3), 400);
}

static void edges(void **state)
{
	assert_int_equal(ASK("waves", "", .moment = VN_ON_REQUEST).hold, 0);
	assert_int_equal(ASK("waves", "", .moment = VN_ON_REQUEST, .age = 30 * VN_S).hold, VN_S);
	assert_int_equal(ASK("waves", "low=2 high=1", .moment = VN_ON_REQUEST).hold, 2 * VN_S);
	assert_int_equal(ASK("waves", "low=2 high=1", .moment = VN_ON_REQUEST,
	                     .age = 30 * VN_S).hold, VN_S);
	assert_int_equal(ASK("waves", "period=0 low=2", .moment = VN_ON_REQUEST, .age = 7).hold,
	                 2 * VN_S);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(shapes), cmocka_unit_test(goes_on), cmocka_unit_test(edges),
};

SUITE(waves, tests)
