/* out.c - tests of bytes in the making. */
#include "base/buffer.h"

#include <string.h>

#include "unit.h"

static void put(void **state)
{
	struct vn_buffer o = { 0 };
	assert_int_equal(vn_buffer_span(&o).n, 0);
	vn_buffer_put(&o, "abc", 3);
	vn_buffer_byte(&o, 'd');
	vn_buffer_put(&o, NULL, 0);
	vn_buffer_put(&o, "\0e", 2);
	assert_int_equal(vn_buffer_span(&o).n, 6);
	assert_memory_equal(vn_buffer_span(&o).p, "abcd\0e", 6);
	buffer_free(&o);
	assert_true(!o.p && !o.n && !o.room);
}

/* Cleared, it is empty, and its memory is used again. */
static void cleared(void **state)
{
	struct vn_buffer o = { 0 };
	buffer_clear(&o);
	vn_buffer_put(&o, "abc", 3);
	const uint8_t *p = o.p;
	buffer_clear(&o);
	assert_int_equal(vn_buffer_span(&o).n, 0);
	vn_buffer_put(&o, "de", 2);
	assert_ptr_equal(o.p, p);
	assert_memory_equal(vn_buffer_span(&o).p, "de", 2);
	buffer_free(&o);
	buffer_free(&o);
}

static void grown(void **state)
{
	static uint8_t many[100000];
	struct vn_buffer o = { 0 };
	for (size_t n = 0; n < sizeof many; n += 1 + n / 2) {
		for (size_t i = 0; i < n; i++)
			many[i] = (uint8_t)(i * 7);
		vn_buffer_put(&o, many, n);
		vn_buffer_byte(&o, 0xee);
		assert_memory_equal(vn_buffer_span(&o).p + vn_buffer_span(&o).n - 1 - n, many, n);
		assert_true(o.n <= o.room);
	}
	buffer_clear(&o);
	for (int i = 0; i < 1000; i++)
		vn_buffer_byte(&o, (uint8_t)i);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(o.p[i], (uint8_t)i);
	buffer_free(&o);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(put), cmocka_unit_test(cleared), cmocka_unit_test(grown),
};

SUITE(out, tests)
