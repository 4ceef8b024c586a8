/* exchange.c - tests of who asked what: many calm neighbours are one entry, and come apart
 * again. */
#include "engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/dice.h"
#include "unit.h"

static struct exchanges list;
static struct pool pool;
static const struct rule_flags calm;

static int set_up(void **state)
{
	list = (struct exchanges){ 0 };
	pool_init(&pool, sizeof(struct exchange));
	return 0;
}

static int tear_down(void **state)
{
	exchange_clear(&list);
	pool_free(&pool);
	return list.first || list.last || list.entries;
}

static struct vn_message message(const char *verb, uint64_t note)
{
	const struct vn_span loan = { (const uint8_t *)"gone", 4 };
	struct vn_message m = {
		.role = VN_ASKS, .is = VN_IS_COMMAND, .note = note, .subject = loan
	};
	strcpy(m.verb, verb);
	return m;
}

static struct exchange *push(uint64_t number, const char *verb)
{
	struct vn_message m = message(verb, 0);
	return exchange_push(&list, &pool, number, &m, &calm, 0);
}

static void neighbours(void **state)
{
	struct exchange *first = push(1, "GET");
	for (uint64_t n = 2; n <= 1000000; n++)
		assert_ptr_equal(push(n, "GET"), first);
	assert_int_equal(list.entries, 1);
	assert_int_equal(first->count, 1000000);
	assert_ptr_equal(first->asked.subject.p, NULL);         /* it was on loan */
	for (uint64_t n = 1; n <= 1000000; n++) {
		assert_int_equal(list.first->number, n);
		exchange_pop(&list);
	}
	assert_true(!list.first && !list.last && !list.entries);
}

/* All that a response's parser may want to know of its request must be the same. */
static void strangers(void **state)
{
	struct vn_message m = message("GET", 0), other;
	exchange_push(&list, &pool, 1, &m, &calm, 0);
	other = m;
	other.role = VN_AIDS;
	exchange_push(&list, &pool, 2, &other, &calm, 0);
	exchange_push(&list, &pool, 3, &m, &calm, 0);
	other = m;
	other.is |= VN_IS_READ;
	exchange_push(&list, &pool, 4, &other, &calm, 0);
	exchange_push(&list, &pool, 5, &m, &calm, 0);
	other = m;
	other.note = 1;
	exchange_push(&list, &pool, 6, &other, &calm, 0);
	exchange_push(&list, &pool, 7, &m, &calm, 0);
	other = m;
	other.seq = 1;
	exchange_push(&list, &pool, 8, &other, &calm, 0);
	exchange_push(&list, &pool, 9, &m, &calm, 0);
	other = message("PUT", 0);
	exchange_push(&list, &pool, 10, &other, &calm, 0);
	assert_int_equal(list.entries, 10);
	for (uint64_t n = 1; n <= 10; n++) {
		assert_int_equal(list.first->number, n);
		assert_int_equal(list.first->count, 1);
		exchange_pop(&list);
	}
}

static void numbers_must_follow(void **state)
{
	push(0, "GET");
	push(2, "GET");
	push(2, "GET");
	push(3, "GET");
	assert_int_equal(list.entries, 3);
	assert_int_equal(list.last->count, 2);
}

/* What the rules have to do with, or what has anything else to it, stands alone. */
static void not_calm(void **state)
{
	static const struct vn_failure failure = { .name = "no" };
	struct vn_message m = message("GET", 0);
	struct judgement j = { .n = 1, .by = { { 1, 5 } } };
	struct exchange *x;
	uint64_t n = 0;

	exchange_push(&list, &pool, ++n, &m, &calm, 0);
	exchange_push(&list, &pool, ++n, &m, &(struct rule_flags){ .in = 1 }, 0);
	exchange_push(&list, &pool, ++n, &m, &calm, 0);
	x = exchange_push(&list, &pool, ++n, &m, &calm, 0);
	assert_int_equal(x->count, 2);
	x->fresh = 1;
	x = exchange_push(&list, &pool, ++n, &m, &calm, 0);
	x->failure = &failure;
	x = exchange_push(&list, &pool, ++n, &m, &calm, 0);
	x->end = VN_CLOSE;
	x = exchange_push(&list, &pool, ++n, &m, &calm, 0);
	x->dropped = true;
	x = exchange_push(&list, &pool, ++n, &m, &calm, 0);
	x->late = holds_make(NULL, &j);
	exchange_push(&list, &pool, ++n, &m, &calm, 0);
	assert_int_equal(list.entries, 8);
	assert_int_equal(list.last->number, 9);
	assert_int_equal(list.last->count, 1);
}

/* Neighbours share two times: the first's and the last's are kept, those between are spread
 * evenly. */
static void times_of_neighbours(void **state)
{
	static const vn_nsec asked[] = { 100, 100, 104, 110 }, kept[] = { 100, 103, 106, 110 };
	struct vn_message m = message("GET", 0);

	for (unsigned i = 0; i < 4; i++)
		exchange_push(&list, &pool, i + 1, &m, &calm, asked[i]);
	assert_int_equal(list.entries, 1);
	for (unsigned i = 0; i < 4; i++, exchange_pop(&list))
		assert_int_equal(list.first->began, kept[i]);
}

static void minds(void **state)
{
	static const struct vn_failure failure = { .name = "no" };
	struct exchange x = { 0 };
	assert_false(exchange_needs_us(&x));
	x.flags.in = x.flags.struck = 1;
	assert_false(exchange_needs_us(&x));
	assert_true(exchange_needs_us(&(struct exchange){ .failure = &failure }));
	assert_true(exchange_needs_us(&(struct exchange){ .end = VN_CLOSE }));
	assert_true(exchange_needs_us(&(struct exchange){ .dropped = true }));
}

static void split(void **state)
{
	push(5, "GET");
	push(6, "GET");
	push(7, "GET");
	struct exchange *one = exchange_split(&list, &pool);
	assert_ptr_equal(one, list.first);
	assert_ptr_equal(one->next, list.last);
	assert_int_equal(list.entries, 2);
	assert_true(one->number == 5 && one->count == 1 && !strcmp(one->asked.verb, "GET"));
	assert_true(list.last->number == 6 && list.last->count == 2);
	assert_ptr_equal(exchange_split(&list, &pool), one);           /* alone already */
	assert_int_equal(list.entries, 2);
	one->end = VN_CLOSE;               /* its fate is its own */
	exchange_pop(&list);
	assert_int_equal(list.first->end, VN_STAY);
	push(8, "GET");
	assert_int_equal(list.entries, 1);
	assert_int_equal(list.first->count, 3);
}

/* Random pushes, pops and splits: numbers and verbs come out as they went in, in no more entries
 * than asked. */
static void against_a_list(void **state)
{
	static const char *const verbs[] = { "GET", "GET", "GET", "PUT" };
	static struct { uint64_t number; const char *verb; bool calm; } model[20000];
	struct vn_dice made = dice_make(1, "exchange", "list"), d = dice_at(&made, 1, 1, 0);
	size_t first = 0, last = 0;
	for (int step = 0; step < 20000; step++) {
		uint64_t what = vn_dice_below(&d, 100);
		if (what < 55) {
			model[last].number = last + 1;
			model[last].verb = verbs[vn_dice_below(&d, 4)];
			model[last].calm = vn_dice_below(&d, 8);
			struct vn_message m = message(model[last].verb, 0);
			exchange_push(&list, &pool, last + 1, &m,
			              &(struct rule_flags){ .in = !model[last].calm }, 0);
			last++;
		} else if (first < last) {
			const struct exchange *x =
				what < 65 ? exchange_split(&list, &pool) : list.first;
			assert_int_equal(x->number, model[first].number);
			assert_string_equal(x->asked.verb, model[first].verb);
			assert_int_equal(!x->flags.in, model[first].calm);
			assert_true(what >= 65 || x->count == 1);
			if (what >= 65) {
				exchange_pop(&list);
				first++;
			}
		}
		assert_true(list.entries <= last - first);
		assert_int_equal(list.entries == 0, first == last);
	}
	size_t entries = 0, count = 0;
	for (const struct exchange *x = list.first; x; x = x->next) {
		entries++;
		count += x->count;
	}
	assert_int_equal(entries, list.entries);
	assert_int_equal(count, last - first);
	assert_true(entries < count);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(neighbours), EACH(strangers),      EACH(numbers_must_follow),
	EACH(not_calm),   EACH(minds),          EACH(times_of_neighbours),
	EACH(split),      EACH(against_a_list),
};

SUITE(exchange, tests)
