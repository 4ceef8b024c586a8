/* tls_crowd.c - tests of whom crowd.c tells that a crowd has gone, and how often. */
#include "tls/crowd.h"

#include "unit.h"

enum { FEW = 128, MANY = 1024 };        /* as in crowd.c */

static unsigned told;

static void gone(void *whom)
{
	assert_ptr_equal(whom, &told);
	told++;
}

static void come_and_go(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		crowd_joins();
	for (unsigned i = 0; i < n; i++)
		crowd_leaves();
}

static int set_up(void **state)
{
	told = 0;
	crowd_watch(gone, &told);
	return 0;
}

static int tear_down(void **state)
{
	crowd_watch(NULL, NULL);
	return 0;
}

static void waves_are_told_once(void **state)
{
	come_and_go(FEW - 1);
	assert_int_equal(told, 0);
	for (int i = 0; i < 10; i++)
		come_and_go(FEW);
	assert_int_equal(told, 1);
	crowd_trim();
	come_and_go(FEW - 1);
	assert_int_equal(told, 1);              /* those before were seen to */
	come_and_go(FEW);
	assert_int_equal(told, 2);
	crowd_trim();
}

/* A trim that comes while the crowd is back does nothing: its end is told again. */
static void a_crowd_that_is_back_is_told_again(void **state)
{
	come_and_go(FEW);
	for (int i = 0; i < FEW; i++)
		crowd_joins();
	crowd_trim();
	for (int i = 0; i < FEW; i++)
		crowd_leaves();
	assert_int_equal(told, 2);
	crowd_trim();
}

/* What a worker trims itself is nobody's business: the rest, however small, is. */
static void a_big_crowd_is_not_left_to_others(void **state)
{
	come_and_go(2 * MANY);
	assert_in_range(told, 0, 1);
	crowd_trim();
	told = 0;
	come_and_go(FEW - 1);
	assert_int_equal(told, 0);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(waves_are_told_once),
	EACH(a_crowd_that_is_back_is_told_again),
	EACH(a_big_crowd_is_not_left_to_others),
};

SUITE(tls_crowd, tests)
