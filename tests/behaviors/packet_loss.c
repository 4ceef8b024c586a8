/* packet_loss.c - tests of missing bytes. */
#include "ask.h"

#include <math.h>

static uint64_t state[2];

static struct vn_verdict at(const char *options, uint64_t draw, enum vn_direction d)
{
	return ASK("packet_loss", options, .moment = VN_ON_DATA, .exchange = draw, .direction = d,
	           .len = 10, .state = state);
}

/* The share of reads that are lost. *behind: the share among reads after a lost one. */
static double share(const char *options, double *behind)
{
	enum { MANY = 20000 };
	int lost = 0, twice = 0;
	bool last = false;
	memset(state, 0, sizeof state);
	for (uint64_t x = 0; x < MANY; x++) {
		struct vn_verdict v = at(options, x, VN_RESPONSE);
		bool now = v.fate == VN_DROP;
		v.fate = VN_PASS;
		assert_true(changes_nothing(v));
		lost += now;
		twice += now && last;
		last = now;
	}
	*behind = lost ? (double)twice / lost : 0;
	return (double)lost / MANY;
}

static void with_the_given_probability(void **unused)
{
	double behind;
	assert_true(share("", &behind) == 0);
	assert_true(share("loss_rate=1", &behind) == 1);
	assert_true(fabs(share("loss_rate=0.1", &behind) - 0.1) < 0.01 &&
	            fabs(behind - 0.1) < 0.03);
	assert_true(share("loss_rate=0.1 correlation=0.5", &behind) > 0.12 &&
	            fabs(behind - 0.6) < 0.04);
}

static void a_memory_for_each_direction(void **unused)
{
	memset(state, 0, sizeof state);
	assert_int_equal(at("loss_rate=1", 1, VN_RESPONSE).fate, VN_DROP);
	assert_int_equal(at("loss_rate=0 correlation=1", 1, VN_REQUEST).fate, VN_PASS);
	assert_int_equal(at("loss_rate=0 correlation=1", 1, VN_RESPONSE).fate, VN_DROP);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(with_the_given_probability),
                                           cmocka_unit_test(a_memory_for_each_direction) };

SUITE(packet_loss, tests)
