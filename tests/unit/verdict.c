/* verdict.c - tests of verdicts: added up, calm or not, and in words. */
#include "engine/plan.h"

#include <string.h>

#include "unit.h"

#define CALM(...) (struct verdict){ .keep = ALL, __VA_ARGS__ }

static const struct failure no = { .name = "no" }, gone = { .name = "gone" };

static struct verdict folded(struct verdict a, struct verdict b)
{
	verdict_fold(&a, &b);
	return a;
}

static void fold(void **state)
{
	struct verdict v;

	v = folded(CALM(.fate = DROP), CALM(.fate = REPLY, .failure = "no"));
	assert_true(v.fate == REPLY && !strcmp(v.failure, "no"));
	v = folded(CALM(.fate = REPLY, .failure = "no"), CALM(.fate = REPLY, .failure = "gone"));
	assert_string_equal(v.failure, "no");
	assert_int_equal(folded(CALM(.fate = REPLY), CALM(.fate = DROP)).fate, REPLY);

	assert_int_equal(folded(CALM(), CALM()).keep, ALL);
	assert_int_equal(folded(CALM(), (struct verdict){ .keep = 5 }).keep, 5);
	assert_int_equal(folded((struct verdict){ .keep = 0 }, (struct verdict){ .keep = 5 }).keep, 0);

	assert_int_equal(folded(CALM(.hold = 30), CALM(.hold = 12)).hold, 42);
	assert_int_equal(folded(CALM(.hold = NEVER), CALM(.hold = 12)).hold, NEVER);
	assert_int_equal(folded(CALM(.hold = 12), CALM(.hold = NEVER)).hold, NEVER);
	assert_int_equal(folded(CALM(.hold = NEVER), CALM(.hold = NEVER)).hold, NEVER);
	assert_int_equal(folded(CALM(.hold = NEVER / 2 + 2), CALM(.hold = NEVER / 2)).hold, NEVER);
}

static void fold_pace(void **state)
{
	struct pace p;

	p = folded(CALM(.pace = { 100, 10, 3, 4 }), CALM(.pace = { 50, 20, 9, 5 })).pace;
	assert_true(p.rate == 50 && p.piece == 10 && p.vary == 3 && p.gap == 9);
	p = folded(CALM(.pace = { 50, 20, 9, 5 }), CALM(.pace = { 100, 10, 3, 4 })).pace;
	assert_true(p.rate == 50 && p.piece == 10 && p.vary == 3 && p.gap == 9);
	p = folded(CALM(), CALM(.pace = { 100, 10, 3, 4 })).pace;
	assert_true(p.rate == 100 && p.piece == 10 && p.vary == 3 && p.gap == 4);
	p = folded(CALM(.pace = { 100, 10, 3, 4 }), CALM()).pace;
	assert_true(p.rate == 100 && p.piece == 10 && p.vary == 3 && p.gap == 4);
}

static void fold_dirt(void **state)
{
	struct dirt d;

	d = folded(CALM(.dirt = { 100, MIDDLE, 2, false }), CALM(.dirt = { 50, 7, 3, true })).dirt;
	assert_true(d.junk == 150 && d.at == MIDDLE && d.flips == 5 && d.edited);
	d = folded(CALM(.dirt = { .flips = 1 }), CALM(.dirt = { 50, 7, 0, false })).dirt;
	assert_true(d.junk == 50 && d.at == 7 && d.flips == 1 && !d.edited);
}

/* The worst end, and the earliest of those that say it. */
static void fold_end(void **state)
{
	struct verdict v;

	v = folded(CALM(), CALM(.end = CLOSE, .after = 9));
	assert_true(v.end == CLOSE && v.after == 9);
	v = folded(CALM(.end = CLOSE, .after = 9), CALM());
	assert_true(v.end == CLOSE && v.after == 9);
	v = folded(CALM(.end = CLOSE, .after = 9), CALM(.end = CLOSE, .after = 5));
	assert_true(v.end == CLOSE && v.after == 5);
	v = folded(CALM(.end = CLOSE, .after = 5), CALM(.end = RESET, .after = 9));
	assert_true(v.end == RESET && v.after == 9);
	v = folded(CALM(.end = RESET, .after = 9), CALM(.end = STALL, .after = 5));
	assert_true(v.end == RESET && v.after == 9);
	v = folded(CALM(.end = STALL, .after = 5), CALM(.end = CLOSE));
	assert_true(v.end == CLOSE && v.after == 0);
}

static void calm(void **state)
{
	static const struct verdict not_calm[] = {
		{ .keep = ALL, .fate = DROP }, { .keep = ALL, .fate = REPLY }, { .keep = 0 }, { .keep = ALL - 1 },
		{ .keep = ALL, .hold = 1 }, { .keep = ALL, .hold = NEVER }, { .keep = ALL, .pace.rate = 1 },
		{ .keep = ALL, .pace.piece = 1 }, { .keep = ALL, .pace.gap = 1 }, { .keep = ALL, .dirt.junk = 1 },
		{ .keep = ALL, .dirt.flips = 1 }, { .keep = ALL, .dirt.edited = true }, { .keep = ALL, .end = STALL },
		{ .keep = ALL, .end = RESET },
	};
	for (size_t i = 0; i < sizeof not_calm / sizeof not_calm[0]; i++)
		if (verdict_calm(&not_calm[i]))
			fail_msg("case %zu", i);
	assert_true(verdict_calm(&CALM()));
	assert_true(verdict_calm(&CALM(.failure = "no", .after = 5, .dirt.at = MIDDLE)));
}

static void shown(void **state)
{
	static const struct { struct verdict v; const struct failure *f; const char *text; } cases[] = {
		{ { .keep = ALL }, NULL, "pass" }, { { .keep = ALL, .fate = DROP }, NULL, "drop" },
		{ { .keep = ALL, .fate = REPLY }, &no, "reply:no" },
		{ { .keep = ALL, .fate = REPLY, .end = CLOSE }, &gone, "reply:gone,close" },
		{ { .keep = ALL, .hold = 1500 * NSEC_MS }, NULL, "pass,hold:1.500000" },
		{ { .keep = ALL, .hold = NEVER, .end = STALL }, NULL, "pass,hold:never,stall" },
		{ { .keep = 5, .pace.rate = 1, .end = RESET }, NULL, "pass,keep:5,paced,reset" },
		{ { .keep = 0, .dirt.junk = 1000 }, NULL, "pass,keep:0,junk:1000" },
		{ { .keep = ALL, .dirt.flips = 1 }, NULL, "pass,edited" },
		{ { .keep = ALL, .dirt.edited = true }, NULL, "pass,edited" },
	};
	char buffer[160], small[8];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(verdict_show(&cases[i].v, cases[i].f, buffer, sizeof buffer), cases[i].text);
	assert_string_equal(verdict_show(&cases[3].v, cases[3].f, small, sizeof small), "reply:g");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fold), cmocka_unit_test(fold_pace), cmocka_unit_test(fold_dirt),
	cmocka_unit_test(fold_end), cmocka_unit_test(calm), cmocka_unit_test(shown),
};

SUITE(verdict, tests)
