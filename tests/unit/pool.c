/* pool.c - tests of memory for small things. */
#include "base/pool.h"

#include <stdint.h>
#include <string.h>

#include "unit.h"

enum { MANY = 3000 };

/* Pieces are apart, keep what is put into them, and go in any order; all but one block goes with
 * them. */
static void many(void **state)
{
	static uint8_t *of[MANY];
	struct pool p;
	pool_init(&p, 100);
	for (int turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < MANY; i++) {
			of[i] = pool_take(&p);
			assert_true((uintptr_t)of[i] % 16 == 0);
			memset(of[i], (int)(i % 251), 100);
		}
		for (unsigned i = 0; i < MANY; i++) {
			for (int at = 0; at < 100; at += 33)
				assert_int_equal(of[i][at], i % 251);
		}
		for (unsigned i = 0; i < MANY; i += 2)
			pool_give(of[i]);
		for (unsigned i = MANY - 1; i < MANY; i -= 2)
			pool_give(of[i]);
		assert_true(p.blocks <= 1);
	}
	pool_give(NULL);
	pool_free(&p);
	assert_int_equal(p.blocks, 0);
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(many) };

SUITE(pool, tests)
