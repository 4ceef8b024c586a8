/* buffer.c - tests of bytes in the making. */
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

#define SPAN(text) { (const uint8_t *)(text), sizeof (text) - 1 }

static void named_check(const char *text, size_t room, const char *expected)
{
	static const struct vn_name names[] = {
		{ "app", SPAN("web shop") },
		{ "127.0.0.1", SPAN("::1") },
		{ "YES", { NULL, 0 } },
		{ "nobody", SPAN("") },
	};
	char to[100];

	memset(to, '#', sizeof to);
	size_t n = vn_text_named(to, room, text, names, sizeof names / sizeof names[0]);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(to, expected, n);
	assert_int_equal(to[n], '#');
}

static void named(void **state)
{
	named_check("user 'app'@'127.0.0.1' (YES)", 99, "user 'web shop'@'::1' (YES)");
	named_check("app", 99, "web shop");
	named_check("an application of app_1 and myapp, app", 99,
	            "an application of app_1 and myapp, web shop");
	named_check("<nobody>", 99, "<>");
	named_check("by app", 6, "by web");
	named_check("by app", 0, "");
	named_check("", 99, "");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(put),
	cmocka_unit_test(cleared),
	cmocka_unit_test(grown),
	cmocka_unit_test(named),
};

SUITE(out, tests)
