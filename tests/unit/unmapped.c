/* unmapped.c - tests of addresses that no proxy has: how many were told, and by whose server. */
#include "engine/unmapped.h"

#include <string.h>

#include "unit.h"

static void told_by(struct unmapped *u, unsigned proxy, const char *key, enum unmapped_fate fate)
{
	enum unmapped_news news;
	struct telling t = { .key = key, .proxy = proxy, .stamp = 1 };

	unmapped_note(u, &t, &news)->fate = fate;
}

static void counted_by_proxy(void **state)
{
	struct unmapped u;
	size_t told[3][UNMAPPED_FATES] = { 0 }, fates = UNMAPPED_FATES;
	const unsigned proxies[] = { 2, 5, 9 };

	unmapped_init(&u);
	told_by(&u, 9, "10.0.0.1:1", UNMAPPED_PASSED);
	told_by(&u, 5, "10.0.0.1:1", UNMAPPED_HIDDEN);
	told_by(&u, 7, "10.0.0.1:1", UNMAPPED_HIDDEN);          /* of nobody who is asked for */
	told_by(&u, 9, "10.0.0.2:1", UNMAPPED_PASSED);
	told_by(&u, 9, "10.0.0.2:1", UNMAPPED_ADDED);           /* the same one */
	unmapped_count(&u, proxies, 3, told);
	for (size_t i = 0; i < fates; i++) {
		assert_int_equal(told[0][i], 0);
		assert_int_equal(told[1][i], i == UNMAPPED_HIDDEN);
		assert_int_equal(told[2][i], i == UNMAPPED_PASSED || i == UNMAPPED_ADDED);
	}
	unmapped_forget(&u, 9);
	memset(told, 0, sizeof told);
	unmapped_count(&u, proxies, 3, told);
	assert_int_equal(told[2][UNMAPPED_PASSED] + told[2][UNMAPPED_ADDED], 0);
	assert_int_equal(told[1][UNMAPPED_HIDDEN], 1);
	unmapped_free(&u);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counted_by_proxy),
};

SUITE(unmapped, tests)
