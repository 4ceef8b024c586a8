/* stats.c - tests of counters and histograms. */
#include "engine/stats.h"

#include <string.h>

#include "unit.h"

static void every_why_has_words(void **state)
{
	for (unsigned i = 0; i < CLOSE_REASONS; i++) {
		assert_non_null(close_reason_names[i].name);
		assert_non_null(close_reason_names[i].text);
		for (const char *c = close_reason_names[i].name; *c; c++)
			assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(close_reason_names[i].name,
			                        close_reason_names[k].name);
	}
}

static void bounds_ascend(void **state)
{
	for (unsigned i = 1; i < BOUNDS; i++)
		assert_true(histogram_bounds[i] > histogram_bounds[i - 1]);
}

static void a_bound_belongs_to_its_bucket(void **state)
{
	struct histogram h = { 0 };
	struct histogram_totals t = { 0 };

	for (unsigned i = 0; i < BOUNDS; i++) {
		histogram_note(&h, histogram_bounds[i]);
		histogram_note(&h, histogram_bounds[i] + 1);
	}
	histogram_note(&h, -1);         /* a clock that goes back is not believed */
	histogram_totals_add(&t, &h);
	assert_int_equal(t.n[0], 2);
	for (unsigned i = 1; i < BOUNDS; i++)
		assert_int_equal(t.n[i], 2);
	assert_int_equal(t.n[BOUNDS], 1);
}

static void times_are_summed(void **state)
{
	struct histogram h = { 0 };
	struct histogram_totals t = { 0 };

	histogram_note(&h, 3 * VN_MS);
	histogram_note(&h, 4 * VN_S);
	histogram_totals_add(&t, &h);
	histogram_totals_add(&t, &h);
	assert_int_equal(t.sum, 2 * (3 * VN_MS + 4 * VN_S));
}

static void narrow_buckets_divide_the_wide_ones(void **state)
{
	struct fine f = { 0 };
	struct fine_totals t = { { 0 } };
	struct histogram_totals wide = { 0 };

	for (unsigned i = 0; i < FINE_BOUNDS; i++) {
		assert_true(fine_bound(i) > (i ? fine_bound(i - 1) : 0));
		fine_note(&f, fine_bound(i));           /* a bound belongs to its bucket */
	}
	for (unsigned i = 0; i < BOUNDS; i++)
		assert_int_equal(fine_bound(i * FINE_STEPS + FINE_STEPS - 1), histogram_bounds[i]);
	fine_note(&f, 0);
	fine_note(&f, -1);
	fine_note(&f, histogram_bounds[BOUNDS - 1] + 1);
	fine_totals_add(&t, &f);
	fine_wide_add(&wide, &f);
	assert_int_equal(t.n[0], 3);
	for (unsigned i = 1; i <= FINE_BOUNDS; i++)
		assert_int_equal(t.n[i], 1);
	assert_int_equal(wide.n[0], FINE_STEPS + 2);
	for (unsigned i = 1; i < BOUNDS; i++)
		assert_int_equal(wide.n[i], FINE_STEPS);
	assert_int_equal(wide.n[BOUNDS], 1);
}

static void workers_are_summed(void **state)
{
	struct stats one = { 0 }, two = { 0 };
	struct totals f = { 0 };

	stats_add(&one, STAT_OPENED, 2);
	stats_add(&two, STAT_OPENED, 3);
	count_add(&two.ended[CLOSE_REASON_IDLE], 7);
	fine_note(&one.answered, VN_S);
	totals_add(&f, &one);
	totals_add(&f, &two);
	assert_int_equal(f.n[STAT_OPENED], 5);
	assert_int_equal(f.n[STAT_CLOSED], 0);
	assert_int_equal(f.ended[CLOSE_REASON_IDLE], 7);
	assert_int_equal(f.answered.sum, VN_S);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_why_has_words),
	cmocka_unit_test(bounds_ascend),
	cmocka_unit_test(a_bound_belongs_to_its_bucket),
	cmocka_unit_test(times_are_summed),
	cmocka_unit_test(narrow_buckets_divide_the_wide_ones),
	cmocka_unit_test(workers_are_summed),
};

SUITE(stats, tests)
