/* latency.c - tests of bytes that arrive late. */
#include "ask.h"

static struct vn_verdict at(const char *options, uint64_t draw)
{
	return ASK("latency", options, .moment = VN_ON_DATA, .exchange = draw, .len = 10);
}

static void by_the_given_time(void **state)
{
	struct vn_verdict v = at("latency=100", 1);
	assert_int_equal(v.hold, 100 * VN_MS);
	v.hold = 0;
	assert_true(changes_nothing(v));
	assert_int_equal(at("latency=1s", 1).hold, VN_S);
	assert_true(changes_nothing(at("", 1)));
}

/* Tenths of the interval are equally likely (chi square, 9 degrees of freedom, p = 0.001). */
static void jitter_is_uniform(void **state)
{
	enum { MANY = 20000, BINS = 10 };
	double bins[BINS] = { 0 }, chi = 0;
	for (uint64_t x = 0; x < MANY; x++) {
		vn_nsec hold = at("latency=50 jitter=40", x).hold;
		assert_in_range(hold, 10 * VN_MS, 90 * VN_MS);
		bins[(hold - 10 * VN_MS) * BINS / (80 * VN_MS + 1)]++;
	}
	for (int i = 0; i < BINS; i++)
		chi += (bins[i] - MANY / BINS) * (bins[i] - MANY / BINS) / (MANY / BINS);
	assert_true(chi < 27.9);
}

/* Half of the draws are below 0, which is no delay. */
static void never_early(void **state)
{
	int calm = 0;
	for (uint64_t x = 0; x < 2000; x++)
		calm += changes_nothing(at("latency=0 jitter=50", x));
	assert_in_range(calm, 900, 1100);
}

static void by_percentiles(void **state)
{
	for (uint64_t x = 0; x < 100; x++)
		assert_in_range(at("percentiles=0:10,100:20", x).hold, 10 * VN_MS, 20 * VN_MS);
}

static void the_usual(void **state)
{
	assert_int_equal(behavior_find("latency")->direction, VN_RESPONSE);
	assert_int_equal(behavior_find("latency")->traits, VN_TRAIT_WHOLE | VN_TRAIT_DATAGRAMS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(by_the_given_time), cmocka_unit_test(jitter_is_uniform),
	cmocka_unit_test(never_early),
	cmocka_unit_test(by_percentiles), cmocka_unit_test(the_usual),
};

SUITE(latency, tests)
