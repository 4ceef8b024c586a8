/* delay.c - tests of round trips that take longer. */
#include "ask.h"

#include <math.h>

static void before(void **state)
{
	assert_int_equal(ASK("delay", "", .moment = VN_ON_REQUEST).hold, VN_S);
	assert_int_equal(ASK("delay", "sleep=0.25", .moment = VN_ON_REQUEST).hold, 250 * VN_MS);
	assert_int_equal(ASK("delay", "sleep=3ms", .moment = VN_ON_REQUEST).hold, 3 * VN_MS);
	assert_true(changes_nothing(ASK("delay", "sleep=2", .moment = VN_ON_RESPONSE)));
}

static void after(void **state)
{
	assert_int_equal(ASK("delay", "sleep=2 before=false", .moment = VN_ON_RESPONSE).hold,
	                 2 * VN_S);
	assert_true(changes_nothing(ASK("delay", "sleep=2 before=false", .moment = VN_ON_REQUEST)));
}

static void only_late(void **state)
{
	struct vn_verdict v = ASK("delay", "jitter=1", .moment = VN_ON_REQUEST);
	v.hold = 0;
	assert_true(changes_nothing(v));
	assert_true(changes_nothing(ASK("delay", "sleep=0", .moment = VN_ON_REQUEST)));
}

enum { MANY = 10000 };

struct spread { double mean, deviation; vn_nsec least, most; };

static struct spread spread(const char *options)
{
	struct spread s = { .least = VN_NEVER };
	double squares = 0;
	for (uint64_t x = 0; x < MANY; x++) {
		vn_nsec hold = ASK("delay", options, .moment = VN_ON_REQUEST, .exchange = x).hold;
		s.least = hold < s.least ? hold : s.least;
		s.most = hold > s.most ? hold : s.most;
		s.mean += (double)hold / MANY;
		squares += (double)hold * (double)hold / MANY;
	}
	s.deviation = sqrt(squares - s.mean * s.mean);
	return s;
}

static void uniform(void **state)
{
	struct spread s = spread("sleep=100ms jitter=40ms");
	assert_in_range(s.least, 60 * VN_MS, 61 * VN_MS);
	assert_in_range(s.most, 139 * VN_MS, 140 * VN_MS);
	assert_true(fabs(s.mean / VN_MS - 100) < 1);
	assert_true(fabs(s.deviation / VN_MS - 40 / sqrt(3)) < 0.5);
}

static void normal(void **state)
{
	struct spread s = spread("sleep=100ms jitter=10ms distribution=normal");
	assert_true(fabs(s.mean / VN_MS - 100) < 0.5);
	assert_true(fabs(s.deviation / VN_MS - 10) < 0.3);
	assert_true(s.least < 80 * VN_MS && s.most > 120 * VN_MS);
}

static void lognormal(void **state)
{
	struct spread s = spread("sleep=100ms jitter=50ms distribution=lognormal");
	assert_true(fabs(s.mean / VN_MS - 100) < 2);
	assert_true(fabs(s.deviation / VN_MS - 50) < 4);
	assert_true(s.least > 0 && s.most > 300 * VN_MS);
}

static void pareto(void **state)
{
	struct spread s = spread("sleep=100ms jitter=20ms distribution=pareto");
	double shape = 1 + sqrt(26), least = 100 * (shape - 1) / shape;
	assert_true(fabs(s.mean / VN_MS - 100) < 1);
	assert_true(fabs(s.deviation / VN_MS - 20) < 3);
	assert_true(fabs((double)s.least / VN_MS - least) < 0.1);
	assert_true(s.most > 200 * VN_MS);
}

static void percentiles(void **state)
{
	struct spread s = spread("sleep=9 jitter=9 percentiles=0:10ms,50:20ms,100:100ms");
	assert_true(fabs(s.mean / VN_MS - (15 + 60) / 2.) < 1);
	assert_in_range(s.least, 10 * VN_MS, 11 * VN_MS);
	assert_in_range(s.most, 99 * VN_MS, 100 * VN_MS);
	assert_int_equal(spread("percentiles=50:7ms").most, 7 * VN_MS);
}

/* No delay is below 0. */
static void not_early(void **state)
{
	assert_int_equal(spread("sleep=10ms jitter=40ms").least, 0);
	assert_int_equal(spread("sleep=10ms jitter=40ms distribution=normal").least, 0);
	assert_int_equal(spread("sleep=0 jitter=40ms distribution=lognormal").most, 0);
	assert_int_equal(spread("sleep=0 jitter=40ms distribution=pareto").most, 0);
	struct spread s = spread("sleep=100000h jitter=600000h distribution=normal");
	assert_true(s.least == 0 && s.most > 0);
}

/* Each call for the same exchange returns the same delay. */
static void reproducible(void **state)
{
	vn_nsec one = ASK("delay", "jitter=1", .moment = VN_ON_REQUEST, .exchange = 1).hold;
	assert_int_not_equal(one, ASK("delay", "jitter=1", .moment = VN_ON_REQUEST,
	                              .exchange = 2).hold);
	assert_int_equal(one, ASK("delay", "jitter=1", .moment = VN_ON_REQUEST,
	                          .exchange = 1).hold);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(before), cmocka_unit_test(after), cmocka_unit_test(only_late),
	cmocka_unit_test(uniform), cmocka_unit_test(normal), cmocka_unit_test(lognormal),
	cmocka_unit_test(pareto),
	cmocka_unit_test(percentiles), cmocka_unit_test(not_early), cmocka_unit_test(reproducible),
};

SUITE(delay, tests)
