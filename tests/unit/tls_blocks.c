/* tls_blocks.c - tests of the memory that TLS takes for a moment. */
#include "tls/blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum { MANY = 200 };

/* Under sanitizers there are none. */
static bool blocks_are_there(void)
{
	void *p = block_take(16712);

	return p && block_give(p);
}

static void each_size_has_its_blocks(void **state)
{
	static const struct { size_t n, size; } sizes[] = {
		{ 2049, 4096 }, { 4096, 4096 }, { 16385, 22464 }, { 22464, 22464 },
	};

	if (!blocks_are_there())
		skip();
	void *heap = malloc(100);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		uint8_t *p = block_take(sizes[i].n);
		assert_non_null(p);
		memset(p, 1, sizes[i].size);
		assert_int_equal(block_size(p), sizes[i].size);
		assert_true(block_give(p));
		assert_ptr_equal(block_take(sizes[i].n), p);    /* the one that is warm */
		assert_true(block_give(p));
	}
	assert_null(block_take(2048));
	assert_null(block_take(4097));
	assert_null(block_take(16384));
	assert_null(block_take(22465));
	assert_int_equal(block_size(heap), 0);
	assert_false(block_give(heap));
	assert_false(block_give(NULL));
	free(heap);
}

static void *many(void *arg)
{
	uint8_t *p[MANY];
	bool good = true;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			p[i] = block_take(20000);
			memset(p[i], (int)i, 20000);
		}
		for (unsigned i = 0; i < MANY; i++) {
			good &= p[i][0] == i && p[i][19999] == i;
			block_give(p[i]);
		}
	}
	return good ? arg : NULL;
}

static void threads_share_what_is_spare(void **state)
{
	pthread_t other;
	void *end, *same = &end;

	if (!blocks_are_there())
		skip();
	pthread_create(&other, NULL, many, same);
	assert_ptr_equal(many(same), same);
	pthread_join(other, &end);
	assert_ptr_equal(end, same);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_size_has_its_blocks),
	cmocka_unit_test(threads_share_what_is_spare),
};

SUITE(tls_blocks, tests)
