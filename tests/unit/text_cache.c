/* text_cache.c - tests of texts kept by number in bounded memory. */
#include "base/text_cache.h"

#include <string.h>

#include "base/dice.h"
#include "unit.h"

static struct vn_text_cache shelf;

static int set_up(void **state)
{
	text_cache_init(&shelf, TEXT_CACHE_ROOM);
	return 0;
}

static int tear_down(void **state)
{
	text_cache_free(&shelf);
	return shelf.used || shelf.oldest || shelf.newest || shelf.slots;
}

static void put(uint64_t key, const char *text)
{
	vn_text_cache_put(&shelf, key, (struct vn_span){ (const uint8_t *)text, strlen(text) });
}

static void expect(uint64_t key, const char *text)
{
	struct vn_span got = vn_text_cache_get(&shelf, key);
	if (got.n != strlen(text) || (got.n && memcmp(got.p, text, got.n)))
		fail_msg("%llu: '%.*s' for '%s'", (unsigned long long)key, (int)got.n,
		         (const char *)got.p, text);
}

/* What a text costs beyond its bytes. */
static size_t overhead(void)
{
	size_t before = shelf.used;
	put(UINT64_MAX, "");
	size_t n = shelf.used - before;
	vn_text_cache_drop(&shelf, UINT64_MAX);
	return n;
}

static void empty(void **state)
{
	expect(1, "");
	vn_text_cache_drop(&shelf, 1);
	vn_text_cache_move(&shelf, 1, 2);
	assert_int_equal(shelf.used, 0);
}

static void put_and_got(void **state)
{
	for (uint64_t k = 0; k < 1000; k++)
		put(k * 256, k % 2 ? "odd" : "even");
	for (uint64_t k = 0; k < 1000; k++)
		expect(k * 256, k % 2 ? "odd" : "even");
	expect(1, "");
	put(1, "");
	expect(1, "");
}

static void put_over(void **state)
{
	put(1, "one");
	size_t used = shelf.used;
	put(1, "two");
	expect(1, "two");
	assert_int_equal(shelf.used, used);
	put(1, "three");
	expect(1, "three");
	assert_int_equal(shelf.used, used + 2);
}

static void moved(void **state)
{
	put(1, "one");
	put(2, "two");
	vn_text_cache_move(&shelf, 1, 3);
	expect(1, "");
	expect(3, "one");
	vn_text_cache_move(&shelf, 3, 2);
	expect(3, "");
	expect(2, "one");
	assert_ptr_equal(shelf.oldest, shelf.newest);
	vn_text_cache_move(&shelf, 9, 2);       /* nothing moves nothing */
	expect(2, "one");
	vn_text_cache_move(&shelf, 2, 2);
	expect(2, "one");
}

static void dropped(void **state)
{
	put(1, "one");
	put(2, "two");
	put(3, "three");
	vn_text_cache_drop(&shelf, 2);
	vn_text_cache_drop(&shelf, 2);
	expect(1, "one");
	expect(2, "");
	expect(3, "three");
	vn_text_cache_drop(&shelf, 1);
	vn_text_cache_drop(&shelf, 3);
	assert_true(!shelf.used && !shelf.oldest && !shelf.newest);
	put(2, "again");
	expect(2, "again");
}

/* Room for three: the oldest goes, where a text put again is young and one that moved is as old as
 * it was. */
static void oldest_go(void **state)
{
	size_t each = overhead() + 3;
	text_cache_free(&shelf);
	text_cache_init(&shelf, 3 * each);
	put(1, "one");
	put(2, "two");
	put(3, "3rd");
	put(1, "1st");
	vn_text_cache_move(&shelf, 2, 20);
	put(4, "4th");
	expect(20, "");
	expect(3, "3rd");
	put(5, "more than that");
	expect(3, "");
	expect(1, "");
	expect(4, "4th");
	expect(5, "more than that");
	assert_true(shelf.used <= shelf.room);
}

/* What never fits is not kept, nor is what it would replace: that is not the text any more. */
static void too_long(void **state)
{
	static const char large[201];
	size_t each = overhead();
	text_cache_free(&shelf);
	text_cache_init(&shelf, each + 200);
	put(1, "one");
	vn_text_cache_put(&shelf, 2, (struct vn_span){ (const uint8_t *)large, 201 });
	expect(1, "one");
	expect(2, "");
	vn_text_cache_put(&shelf, 1, (struct vn_span){ (const uint8_t *)large, 201 });
	expect(1, "");
	vn_text_cache_put(&shelf, 2, (struct vn_span){ (const uint8_t *)large, 200 });
	assert_int_equal(vn_text_cache_get(&shelf, 2).n, 200);
	assert_int_equal(shelf.used, shelf.room);
	vn_text_cache_put(&shelf, 2, (struct vn_span){ (const uint8_t *)large, SIZE_MAX });
	assert_int_equal(shelf.used, 0);
}

enum { KEYS = 40 };

/* Random calls against an array that has room without end; what is gone must be older than what is
 * there. */
static void against_an_array(void **state)
{
	static char bytes[300];
	struct { size_t n; int born; } model[KEYS] = { { 0 } };
	struct vn_dice made = dice_make(1, "shelf", "texts"), d = dice_at(&made, 1, 1, 0);
	memset(bytes, 'x', sizeof bytes);
	text_cache_init(&shelf, 4000);
	for (int step = 1; step < 20000; step++) {
		uint64_t key = vn_dice_below(&d, KEYS), to = vn_dice_below(&d, KEYS);
		int youngest_gone = 0, oldest_there = step + 1;
		switch (vn_dice_below(&d, 4)) {
		case 0:
			vn_text_cache_drop(&shelf, key);
			model[key].n = 0;
			break;
		case 1:
			vn_text_cache_move(&shelf, key, to);
			if (model[key].n && key != to) {
				model[to] = model[key];
				model[key].n = 0;
			}
			break;
		default:
			model[key].n = 1 + vn_dice_below(&d, sizeof bytes);
			model[key].born = step;
			vn_text_cache_put(&shelf, key,
			                  (struct vn_span){ (const uint8_t *)bytes, model[key].n });
		}
		for (uint64_t k = 0; k < KEYS; k++) {
			size_t n = vn_text_cache_get(&shelf, k).n;
			assert_true(!n || n == model[k].n);
			if (n && model[k].born < oldest_there)
				oldest_there = model[k].born;
			if (!n && model[k].n && model[k].born > youngest_gone)
				youngest_gone = model[k].born;
			model[k].n = n;
		}
		assert_true(youngest_gone < oldest_there && shelf.used <= shelf.room);
	}
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(empty), EACH(put_and_got), EACH(put_over), EACH(moved), EACH(dropped), EACH(oldest_go),
	EACH(too_long), EACH(against_an_array),
};

SUITE(shelf, tests)
