/* dice.c - tests of chance: the same in every release, and fair. */
#include "base/dice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { MANY = 100000 };

/* From the paper "SipHash: a fast short-input PRF": its example, and two more of its authors'
 * vectors. */
static void golden(void **state)
{
	const uint64_t k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;
	uint8_t bytes[15];
	for (uint8_t i = 0; i < sizeof bytes; i++)
		bytes[i] = i;
	assert_int_equal(siphash(k0, k1, bytes, 15), 0xa129ca6149be45e5);
	assert_int_equal(siphash(k0, k1, bytes, 8), 0x93f5f5799a932462);
	assert_int_equal(siphash(k0, k1, NULL, 0), 0x726fdb47dd0e0e31);
}

/* Worked out apart from this program: where one of these changes, users' seeds mean something
 * else. */
static void reproducible(void **state)
{
	static const uint8_t bytes[] = { 0x1b, 0xbb, 0x68, 0xa5, 0x60, 0x59,
		                         0xf1, 0x9c, 0x62, 0x67, 0x21 };
	uint8_t filled[sizeof bytes];
	struct vn_dice made = dice_make(42, "proxy", "behavior"), d = dice_at(&made, 7, 3, 0);
	assert_int_equal(made.k0, 0x88fb4bc426f0c7f0);
	assert_int_equal(made.k1, 0x16f83b6e86df6831);
	assert_int_equal(vn_dice_draw(&d), 0x9cf15960a568bb1b);
	assert_int_equal(vn_dice_draw(&d), 0x43cdb04712216762);
	assert_int_equal(vn_dice_draw(&d), 0x0853b13bd95394ce);
	d = dice_at(&made, 7, 3, 2);
	assert_int_equal(vn_dice_draw(&d), 0xd04ac37898dfc02d);
	d = dice_at(&made, 7, 3, 0);
	assert_true(vn_dice_unit(&d) == 0.61305769547962796);
	assert_int_equal(vn_dice_below(&d, 100), 26);
	/* libraries differ a bit */
	assert_true(fabs(vn_dice_normal(&d) + 0.062594655876032954) < 1e-12);
	d = dice_at(&made, 7, 3, 0);
	dice_fill(&d, filled, sizeof filled);
	assert_memory_equal(filled, bytes, sizeof bytes);
}

/* A draw is named by all of these and by nothing else. */
static void named(void **state)
{
	static const struct { uint64_t connection, exchange; unsigned moment; } at[] = {
		{ 1, 1, 0 }, { 2, 1, 0 }, { 1, 2, 0 }, { 1, 1, 1 },
	};
	const struct vn_dice made[] = {
		dice_make(1, "a", "b"),
		dice_make(2, "a", "b"),
		dice_make(1, "b", "b"),
		dice_make(1, "a", "a"),
	};
	uint64_t drawn[16];
	for (int i = 0; i < 16; i++) {
		int k = i % 4;
		struct vn_dice d = dice_at(&made[i / 4], at[k].connection, at[k].exchange,
		                           at[k].moment),
			       again = d;
		drawn[i] = vn_dice_draw(&d);
		assert_int_equal(drawn[i], vn_dice_draw(&again));
		for (int j = 0; j < i; j++)
			assert_int_not_equal(drawn[i], drawn[j]);
	}
}

static struct vn_dice fresh(void)
{
	struct vn_dice d = dice_make(5, "proxy", "rule");
	return dice_at(&d, 1, 1, 0);
}

static void unit(void **state)
{
	struct vn_dice d = fresh();
	double sum = 0;
	for (int i = 0; i < MANY; i++) {
		double u = vn_dice_unit(&d);
		assert_true(u >= 0 && u < 1);
		sum += u;
	}
	assert_true(fabs(sum / MANY - 0.5) < 0.005);
}

static void below(void **state)
{
	static const uint64_t bounds[] = { 2, 3, 1000, 1ull << 32, 1ull << 63, UINT64_MAX };
	struct vn_dice d = fresh();
	unsigned count[10] = { 0 };
	for (int i = 0; i < MANY; i++) {
		uint64_t n = vn_dice_below(&d, 10);
		assert_true(n < 10);
		count[n]++;
	}
	for (int i = 0; i < 10; i++)
		assert_in_range(count[i], MANY / 10 - 500, MANY / 10 + 500);
	for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++)
		for (int i = 0; i < 1000; i++)
			assert_true(vn_dice_below(&d, bounds[b]) < bounds[b]);
	assert_int_equal(vn_dice_below(&d, 1), 0);
	assert_int_equal(vn_dice_below(&d, 0), 0);
}

static void normal(void **state)
{
	struct vn_dice d = fresh();
	double sum = 0, squares = 0;
	int within = 0;
	for (int i = 0; i < MANY; i++) {
		double x = vn_dice_normal(&d);
		assert_true(isfinite(x));
		sum += x;
		squares += x * x;
		within += fabs(x) < 1;
	}
	assert_true(fabs(sum / MANY) < 0.02);
	assert_true(fabs(sqrt(squares / MANY) - 1) < 0.02);
	assert_true(fabs((double)within / MANY - 0.6827) < 0.01);
}

/* Of the two by their inverse the draws can be sorted: with the same ones, greater is later. */
static void tails(void **state)
{
	struct vn_dice d = fresh();
	double sum[2] = { 0 }, squares[2] = { 0 };
	for (int i = 0; i < MANY; i++) {
		struct vn_dice a = d, b = d, c = d;
		double u = vn_dice_unit(&c),
		       x[2] = { vn_dice_lognormal(&a, 8, 6), vn_dice_pareto(&b, 8, 2) };
		assert_int_equal(a.n, c.n);
		assert_int_equal(b.n, c.n);
		assert_true(x[1] >= 8 * (1 - 1 / (1 + sqrt(17))) - 1e-9);
		/* the median: mean / sqrt(1 + (deviation / mean)^2) */
		assert_int_equal(u < 0.5, x[0] < 8 * 8 / 10.);
		for (int k = 0; k < 2; k++) {
			sum[k] += x[k];
			squares[k] += x[k] * x[k];
		}
		d = c;
	}
	for (int k = 0; k < 2; k++)
		assert_true(fabs(sum[k] / MANY - 8) < 0.1);
	assert_true(fabs(sqrt(squares[0] / MANY - 64) - 6) < 0.3);
	assert_true(fabs(sqrt(squares[1] / MANY - 64) - 2) < 0.3);
}

static void tails_edges(void **state)
{
	struct vn_dice d = fresh();
	assert_true(vn_dice_lognormal(&d, 0, 5) == 0 && vn_dice_pareto(&d, 0, 5) == 0);
	assert_true(fabs(vn_dice_lognormal(&d, 5, 0) - 5) < 1e-9 && vn_dice_pareto(&d, 5, 0) == 5);
	for (int i = 0; i < 1000; i++) {
		assert_true(isfinite(vn_dice_lognormal(&d, 1, 1e18)));
		assert_true(isfinite(vn_dice_pareto(&d, 1, 1e18)));
	}
}

static void table(void **state)
{
	const struct vn_table none = { 0 }, one = { 1, { { 50, 7 } } },
			      steps = { 3, { { 10, 100 }, { 50, 100 }, { 90, 1000 } } };
	struct vn_dice d = fresh();
	assert_int_equal(vn_dice_table(&d, &none), 0);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(vn_dice_table(&d, &one), 7);
		struct vn_dice same = d;
		double u = vn_dice_unit(&same);
		vn_nsec want = u < 0.5 ? 100 :
		               u < 0.9 ? 100 + (vn_nsec)((u - 0.5) / 0.4 * 900) :
		                         1000,
			got = vn_dice_table(&d, &steps);
		assert_true(llabs(got - want) <= 1);
		assert_int_equal(d.n, same.n);
	}
}

/* Every length is filled to its end and no further; a shorter one is the start of a longer one. */
static void fill(void **state)
{
	uint8_t whole[64], some[66];
	struct vn_dice d = fresh();
	dice_fill(&d, whole, sizeof whole);
	for (size_t n = 0; n <= sizeof whole; n++) {
		memset(some, 0xee, sizeof some);
		d = fresh();
		dice_fill(&d, some + 1, n);
		assert_memory_equal(some + 1, whole, n);
		assert_int_equal(some[0], 0xee);
		assert_int_equal(some[n + 1], 0xee);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(golden), cmocka_unit_test(reproducible), cmocka_unit_test(named),
	cmocka_unit_test(unit),   cmocka_unit_test(below),        cmocka_unit_test(normal),
	cmocka_unit_test(tails),  cmocka_unit_test(tails_edges),  cmocka_unit_test(table),
	cmocka_unit_test(fill),
};

SUITE(dice, tests)
