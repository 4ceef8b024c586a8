/* loss.c - tests of what packet loss does to a stream. */
#include "ask.h"

#include <math.h>

enum { MANY = 20000 };

static vn_nsec hold(const char *options, uint64_t draw, size_t len)
{
	struct vn_verdict v = ASK("loss", options, .moment = VN_ON_DATA, .exchange = draw,
	                          .len = len);
	vn_nsec late = v.hold;
	v.hold = 0;
	assert_true(changes_nothing(v));           /* no byte is missing */
	return late;
}

/* The share of the draws that are late by less than this. */
static double share(const char *options, size_t len, vn_nsec below)
{
	int n = 0;
	for (uint64_t x = 0; x < MANY; x++)
		n += hold(options, x, len) < below;
	return (double)n / MANY;
}

static void never_or_always(void **state)
{
	assert_true(share("rate=0", 100000, 1) == 1);
	assert_int_equal(hold("rate=1", 1, 1), VN_NEVER);
}

/* 200 ms, 400 ms more, 800 ms more, and so on. */
static void doubled(void **state)
{
	static const vn_nsec steps[] = { 0, 200, 600, 1400, 3000, 6200, 12600, 25400, 51000, 102200,
	                                 204600, 324600, 444600 };
	bool met[13] = { false };
	for (uint64_t x = 0; x < MANY; x++) {
		vn_nsec late = hold("rate=0.5", x, 1);
		size_t i = 0;
		while (i < 13 && steps[i] * VN_MS != late)
			i++;
		if (i < 13)
			met[i] = true;
		else
			assert_true(late > steps[12] * VN_MS);
	}
	for (int i = 0; i < 10; i++)
		assert_true(met[i]);
}

static void with_the_given_probability(void **state)
{
	assert_true(fabs(share("rate=0.1", 1, 1) - 0.9) < 0.01);
	assert_true(fabs(share("rate=0.1", 1, 201 * VN_MS) - 0.99) < 0.005);
	assert_true(fabs(share("rate=0.01", 146000, 1) - pow(0.99, 100)) < 0.02);
	assert_true(fabs(share("rate=0.01", 146001, 1) - pow(0.99, 101)) < 0.02);
	assert_true(fabs(share("rate=0.1 segment=10", 100, 201 * VN_MS) - pow(0.99, 10)) < 0.02);
}

static void capped(void **state)
{
	for (uint64_t x = 0; x < MANY; x++)
		assert_int_equal(hold("rate=0.9 rto=10 rto_max=10", x, 1) % (10 * VN_MS), 0);
	assert_true(share("rate=0.5 rto=100 rto_max=1", 1, 30 * VN_MS) == 1);
	assert_true(share("rate=0.5 rto=0", 1, 1) == 1);
	assert_int_equal(hold("rate=0.999999999 rto=1h rto_max=600000h", 1, 1000000), VN_NEVER);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(never_or_always), cmocka_unit_test(doubled),
	cmocka_unit_test(with_the_given_probability), cmocka_unit_test(capped),
};

SUITE(loss, tests)
