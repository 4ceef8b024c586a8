/* wakeup.c - tests of what is learned of a machine that wakes late. */
#include "base/wakeup.h"

#include <string.h>

#include "unit.h"

static struct wakeups known;

static int set_up(void **state)
{
	memset(&known, 0, sizeof known);
	return 0;
}

/* A machine that wakes late by so much. Returns how late one is awake behind what was wanted. */
static vn_nsec sleeps(vn_nsec wait, vn_nsec late)
{
	vn_nsec slept = wakeup_ask(&known, wait) + late;

	wakeup_learn(&known, wait, slept);
	return slept - wait;
}

static void nothing_is_known(void **state)
{
	assert_int_equal(wakeup_ask(&known, 5 * VN_MS), 5 * VN_MS);
	assert_int_equal(wakeup_ask(&known, 0), 0);
	assert_int_equal(wakeup_ask(&known, -7), 0);
}

static void learned(void **state)
{
	assert_int_equal(sleeps(100 * VN_MS, 150000), 150000);
	for (int i = 0; i < 40; i++)
		sleeps(100 * VN_MS, 150000);
	assert_in_range(sleeps(100 * VN_MS, 150000), 0, 10);
	assert_in_range(sleeps(120 * VN_MS, 150000), 0, 10);          /* as deep a sleep */
	assert_int_equal(sleeps(VN_MS, 40000), 40000);                /* another */
	for (int i = 0; i < 40; i++)
		sleeps(100 * VN_MS, 20000);
	assert_in_range(wakeup_ask(&known, 100 * VN_MS), 100 * VN_MS - 20010, 100 * VN_MS - 19990);
}

/* One that was kept from running teaches little. */
static void outliers(void **state)
{
	for (int i = 0; i < 40; i++)
		sleeps(VN_MS, 30000);
	sleeps(VN_MS, 4 * VN_MS);
	assert_in_range(wakeup_ask(&known, VN_MS), VN_MS - 70000, VN_MS - 30000);
}

/* However late, however a clock was moved. */
static void bounded(void **state)
{
	for (int i = 0; i < 100; i++)
		sleeps(10 * VN_MS, VN_S);
	assert_in_range(wakeup_ask(&known, 10 * VN_MS), 10 * VN_MS - WAKEUP_MOST, 10 * VN_MS);
	for (int i = 0; i < 100; i++)
		wakeup_learn(&known, 10 * VN_MS, 0);
	assert_in_range(wakeup_ask(&known, 10 * VN_MS), 10 * VN_MS - 10, 10 * VN_MS);
	assert_int_equal(wakeup_ask(&known, 10), 10);
	for (int i = 0; i < 100; i++)
		sleeps(10, VN_MS);
	assert_int_equal(wakeup_ask(&known, 10), 0);
	wakeup_learn(&known, VN_NEVER - 1, VN_S);
}

#define EACH(f) cmocka_unit_test_setup(f, set_up)

static const struct CMUnitTest tests[] = { EACH(nothing_is_known), EACH(learned), EACH(outliers),
	                                   EACH(bounded) };

SUITE(wakeup, tests)
