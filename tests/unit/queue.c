/* queue.c - tests of what waits: whose share of a wait is whose, and when it is over. */
#include "engine/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/dice.h"
#include "unit.h"

/* A plan that is good for one question: which rules are still there. */
static struct plan *plan_with(unsigned n, const uint64_t *ids)
{
	struct rule_spec *words = calloc(n + 1, sizeof *words);
	struct plan *p = calloc(1, sizeof *p + n * sizeof *p->rules);
	p->n = n;
	for (unsigned i = 0; i < n; i++) {
		words[i].id = ids[i];
		p->rules[i].spec = &words[i];
	}
	p->spec = (void *)words;        /* kept for the end only */
	return p;
}

#define PLAN(...) \
	plan_with(sizeof(uint64_t[]){ __VA_ARGS__ } / sizeof(uint64_t), (uint64_t[]){ __VA_ARGS__ })

static void plan_forget(struct plan *p)
{
	free(p->spec);
	free(p);
}

static struct judgement judged(unsigned n, const struct hold *by)
{
	struct judgement j = { .v.keep = VN_ALL, .n = n };
	memcpy(j.by, by, n * sizeof *by);
	return j;
}

static struct holds *lot_of(unsigned n, const struct hold *by)
{
	struct judgement j = judged(n, by);
	return holds_make(NULL, &j);
}

#define LOT(...) \
	lot_of(sizeof(struct hold[]){ __VA_ARGS__ } / sizeof(struct hold), \
	       (struct hold[]){ __VA_ARGS__ })

/* ---- lots ---- */

static void holds_add(void **state)
{
	struct holds *l = LOT({ 1, 100 }, { 2, 20 }, { 3, 3 }),
		     *never = LOT({ 1, 5 }, { 2, VN_NEVER }, { 3, 5 });
	struct holds *twice = LOT({ 1, VN_NEVER }, { 2, VN_NEVER }),
		     *nearly = LOT({ 1, VN_NEVER - 1 }, { 2, 2 });
	assert_int_equal(holds_total(l), 123);
	assert_int_equal(holds_total(never), VN_NEVER);
	assert_int_equal(holds_total(twice), VN_NEVER);
	assert_int_equal(holds_total(nearly), VN_NEVER);
	assert_int_equal(holds_total(NULL), 0);
	holds_unref(l);
	holds_unref(never);
	holds_unref(twice);
	holds_unref(nearly);
}

static void paces_fold(void **state)
{
	struct holds *l =
		LOT({ 1, 0, { .rate = 1000, .piece = 10, .vary = 2, .gap = 5 } },
	            { 2, 0, { .rate = 500, .gap = 6 } }, { 3, 7, { .piece = 8, .vary = 1 } });
	struct vn_pace p = holds_pace(l), none = holds_pace(NULL);
	assert_true(p.rate == 500 && p.piece == 8 && p.vary == 1 && p.gap == 11);
	assert_true(!none.rate && !none.piece && !none.gap);
	holds_unref(l);
}

static void made_of_two(void **state)
{
	struct judgement j = judged(1, (struct hold[]){ { 2, 20 } }), calm = { .v.keep = VN_ALL };
	struct holds *a = LOT({ 1, 100 }), *both = holds_make(a, &j), *alone = holds_make(a, NULL);
	assert_null(holds_make(NULL, NULL));
	assert_null(holds_make(NULL, &calm));
	assert_int_equal(both->n, 2);
	assert_int_equal(holds_total(both), 120);
	assert_int_equal(holds_total(alone), 100);
	assert_ptr_not_equal(alone, a);
	assert_ptr_equal(holds_ref(a), a);
	assert_int_equal(a->refs, 2);
	assert_null(holds_ref(NULL));
	holds_unref(a);
	assert_int_equal(holds_total(a), 100);
	holds_unref(a);
	holds_unref(both);
	holds_unref(alone);
	holds_unref(NULL);
}

/* Only what the rules that went have added is taken back. */
static void stripped(void **state)
{
	struct plan *all = PLAN(3, 2, 1), *some = PLAN(2, 7), *none = plan_with(0, NULL);
	struct holds *l = LOT({ 1, VN_NEVER }, { 2, 20 }, { 3, 3 }, { 2, 1 });
	assert_false(holds_remove(l, all));
	assert_int_equal(holds_total(l), VN_NEVER);
	assert_true(holds_remove(l, some));
	assert_int_equal(l->n, 2);
	assert_int_equal(holds_total(l), 21);
	assert_false(holds_remove(l, some));
	assert_true(holds_remove(l, none));
	assert_int_equal(holds_total(l), 0);
	assert_false(holds_remove(l, none));
	assert_false(holds_remove(NULL, none));
	holds_unref(l);
	plan_forget(all);
	plan_forget(some);
	plan_forget(none);
}

/* ---- queues ---- */

/* Put, and let go of the lot: the parcel has its own reference. */
static struct parcel *put(struct queue *q, size_t n, vn_nsec came, struct holds *l)
{
	struct parcel *p = queue_put(q, PARCEL_BYTES, n, came, l);
	holds_unref(l);
	return p;
}

static void never_earlier(void **state)
{
	struct queue q = { 0 };
	assert_int_equal(put(&q, 1, 100, NULL)->due, 100);
	assert_int_equal(put(&q, 1, 110, LOT({ 1, 50 }))->due, 160);
	assert_int_equal(put(&q, 1, 120, NULL)->due, 160);
	assert_int_equal(put(&q, 1, 130, LOT({ 1, 10 }))->due, 160);
	assert_int_equal(put(&q, 1, 140, LOT({ 1, 50 }))->due, 190);
	assert_int_equal(put(&q, 1, 150, LOT({ 2, VN_NEVER }))->due, VN_NEVER);
	assert_int_equal(put(&q, 1, 160, LOT({ 2, VN_NEVER - 100 }))->due, VN_NEVER);
	assert_int_equal(put(&q, 1, 170, NULL)->due, VN_NEVER);
	assert_int_equal(q.bytes, 8);
	queue_clear(&q);
	assert_true(!q.first && !q.last && !q.bytes);
}

static void first_in_first_out(void **state)
{
	struct queue q = { 0 };
	memcpy(put(&q, 3, 1, NULL)->bytes, "one", 3);
	struct parcel *fin = queue_put(&q, PARCEL_FIN, 0, 2, NULL);
	memcpy(put(&q, 5, 3, NULL)->bytes, "three", 5);
	assert_int_equal(q.bytes, 8);
	assert_memory_equal(q.first->bytes, "one", 3);
	q.first->at = 2;                /* some of it has gone */
	q.bytes -= 2;
	queue_pop(&q);
	assert_int_equal(q.bytes, 5);
	assert_ptr_equal(q.first, fin);
	assert_int_equal(fin->kind, PARCEL_FIN);
	queue_pop(&q);
	assert_ptr_equal(q.first, q.last);
	assert_memory_equal(q.first->bytes, "three", 5);
	queue_pop(&q);
	assert_true(!q.first && !q.last && !q.bytes);
	queue_clear(&q);
}

static void dues_anew(void **state)
{
	struct queue q = { 0 };
	struct plan *both = PLAN(1, 2), *second = PLAN(2), *none = plan_with(0, NULL);
	struct holds *shared = LOT({ 1, VN_NEVER }, { 2, 50 });
	struct parcel *a = put(&q, 1, 100, LOT({ 1, 30 })), *b = put(&q, 1, 110, holds_ref(shared));
	struct parcel *c = put(&q, 1, 120, holds_ref(shared)), *d = put(&q, 1, 130, NULL);
	holds_unref(shared);
	assert_false(queue_remove_rules(&q, both));
	assert_true(a->due == 130 && b->due == VN_NEVER && c->due == VN_NEVER &&
	            d->due == VN_NEVER);
	assert_true(queue_remove_rules(&q, second));
	assert_true(a->due == 100 && b->due == 160 && c->due == 170 && d->due == 170);
	assert_false(queue_remove_rules(&q, second));
	assert_true(queue_remove_rules(&q, none));
	assert_true(a->due == 100 && b->due == 110 && c->due == 120 && d->due == 130);
	queue_clear(&q);
	plan_forget(both);
	plan_forget(second);
	plan_forget(none);
}

/* Random shares, and rules that go one by one: what is due never falls, and is as late as it must
 * be. */
static void random_queues(void **state)
{
	struct vn_dice made = dice_make(1, "parcel", "queue"), d = dice_at(&made, 1, 1, 0);
	for (int round = 0; round < 200; round++) {
		static const uint64_t ids[] = { 1, 2, 3, 4 };
		struct queue q = { 0 };
		vn_nsec came = 0, share[40][5] = { { 0 } };
		for (int i = 0; i < 40; i++) {
			struct hold by[4];
			unsigned n = 0;
			came += (vn_nsec)vn_dice_below(&d, 50);
			for (uint64_t id = 1; id <= 4; id++)
				if (!vn_dice_below(&d, 3)) {
					share[i][id] = (vn_nsec)vn_dice_below(&d, 500);
					by[n++] = (struct hold){ id, share[i][id] };
				}
			struct holds *l = lot_of(n, by);
			put(&q, 1, came, l);
		}
		for (unsigned left = 5; left-- > 0;) {
			struct plan *p = plan_with(left, ids);
			vn_nsec due = 0;
			int i = 0;
			queue_remove_rules(&q, p);
			for (struct parcel *x = q.first; x; x = x->next, i++) {
				vn_nsec late = 0;
				for (unsigned id = 1; id <= left; id++)
					late += share[i][id];
				due = x->came + late > due ? x->came + late : due;
				assert_int_equal(x->due, due);
			}
			plan_forget(p);
		}
		queue_clear(&q);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(holds_add), cmocka_unit_test(paces_fold), cmocka_unit_test(made_of_two),
	cmocka_unit_test(stripped), cmocka_unit_test(never_earlier),
	cmocka_unit_test(first_in_first_out), cmocka_unit_test(dues_anew),
	cmocka_unit_test(random_queues),
};

SUITE(parcel, tests)
