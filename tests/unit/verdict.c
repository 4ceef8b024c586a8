/* verdict.c - tests of verdicts: added up, calm or not, and in words. */
#include "rules/plan.h"
#include "rules/verdict.h"

#include <string.h>

#include "unit.h"

#define CALM(...) (struct vn_verdict){ .keep = VN_ALL, __VA_ARGS__ }

static const struct vn_failure no = { .name = "no" }, gone = { .name = "gone" };

static struct vn_verdict folded(struct vn_verdict a, struct vn_verdict b)
{
	verdict_fold(&a, &b);
	return a;
}

static void fold(void **state)
{
	struct vn_verdict v;

	v = folded(CALM(.fate = VN_DROP), CALM(.fate = VN_REPLY, .failure = "no"));
	assert_true(v.fate == VN_REPLY && !strcmp(v.failure, "no"));
	v = folded(CALM(.fate = VN_REPLY, .failure = "no"),
	           CALM(.fate = VN_REPLY, .failure = "gone"));
	assert_string_equal(v.failure, "no");
	assert_int_equal(folded(CALM(.fate = VN_REPLY), CALM(.fate = VN_DROP)).fate, VN_REPLY);

	assert_int_equal(folded(CALM(), CALM()).keep, VN_ALL);
	assert_int_equal(folded(CALM(), (struct vn_verdict){ .keep = 5 }).keep, 5);
	assert_int_equal(
		folded((struct vn_verdict){ .keep = 0 }, (struct vn_verdict){ .keep = 5 }).keep, 0);

	assert_int_equal(folded(CALM(.hold = 30), CALM(.hold = 12)).hold, 42);
	assert_int_equal(folded(CALM(.hold = VN_NEVER), CALM(.hold = 12)).hold, VN_NEVER);
	assert_int_equal(folded(CALM(.hold = 12), CALM(.hold = VN_NEVER)).hold, VN_NEVER);
	assert_int_equal(folded(CALM(.hold = VN_NEVER), CALM(.hold = VN_NEVER)).hold, VN_NEVER);
	assert_int_equal(folded(CALM(.hold = VN_NEVER / 2 + 2), CALM(.hold = VN_NEVER / 2)).hold,
	                 VN_NEVER);
}

static void fold_pace(void **state)
{
	struct vn_pace p;

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
	struct vn_dirt d;

	d = folded(CALM(.dirt = { 100, VN_MIDDLE, 2, false }), CALM(.dirt = { 50, 7, 3, true }))
	            .dirt;
	assert_true(d.junk == 150 && d.at == VN_MIDDLE && d.flips == 5 && d.edited);
	d = folded(CALM(.dirt = { .flips = 1 }), CALM(.dirt = { 50, 7, 0, false })).dirt;
	assert_true(d.junk == 50 && d.at == 7 && d.flips == 1 && !d.edited);
}

/* The worst end, and the earliest of those that say it. */
static void fold_end(void **state)
{
	struct vn_verdict v;

	v = folded(CALM(), CALM(.end = VN_CLOSE, .after = 9));
	assert_true(v.end == VN_CLOSE && v.after == 9);
	v = folded(CALM(.end = VN_CLOSE, .after = 9), CALM());
	assert_true(v.end == VN_CLOSE && v.after == 9);
	v = folded(CALM(.end = VN_CLOSE, .after = 9), CALM(.end = VN_CLOSE, .after = 5));
	assert_true(v.end == VN_CLOSE && v.after == 5);
	v = folded(CALM(.end = VN_CLOSE, .after = 5), CALM(.end = VN_RESET, .after = 9));
	assert_true(v.end == VN_RESET && v.after == 9);
	v = folded(CALM(.end = VN_RESET, .after = 9), CALM(.end = VN_STALL, .after = 5));
	assert_true(v.end == VN_RESET && v.after == 9);
	v = folded(CALM(.end = VN_STALL, .after = 5), CALM(.end = VN_CLOSE));
	assert_true(v.end == VN_CLOSE && v.after == 0);
}

static void calm(void **state)
{
	static const struct vn_verdict not_calm[] = {
		{ .keep = VN_ALL, .fate = VN_DROP },
		{ .keep = VN_ALL, .fate = VN_REPLY },
		{ .keep = 0 },
		{ .keep = VN_ALL - 1 },
		{ .keep = VN_ALL, .hold = 1 },
		{ .keep = VN_ALL, .hold = VN_NEVER },
		{ .keep = VN_ALL, .pace.rate = 1 },
		{ .keep = VN_ALL, .pace.piece = 1 },
		{ .keep = VN_ALL, .pace.gap = 1 },
		{ .keep = VN_ALL, .dirt.junk = 1 },
		{ .keep = VN_ALL, .dirt.flips = 1 },
		{ .keep = VN_ALL, .dirt.edited = true },
		{ .keep = VN_ALL, .end = VN_STALL },
		{ .keep = VN_ALL, .end = VN_RESET },
	};
	for (size_t i = 0; i < sizeof not_calm / sizeof not_calm[0]; i++)
		if (verdict_calm(&not_calm[i]))
			fail_msg("case %zu", i);
	assert_true(verdict_calm(&CALM()));
	assert_true(verdict_calm(&CALM(.failure = "no", .after = 5, .dirt.at = VN_MIDDLE)));
}

/* A handshake has no message that could pass. */
static void shown_tls(void **state)
{
	static const struct {
		struct vn_tls tls;
		vn_nsec hold;
		const char *text;
	} cases[] = {
		{ { .flaw = "expired" }, 0, "flaw:expired" },
		{ { .flaw = "expired" }, VN_S, "pass,hold:1.000000,flaw:expired" },
		{ { .alert = "unknown_ca", .truncate = true }, 0, "alert:unknown_ca,truncate" },
		{ { .stall = VN_TLS_AT_FINISHED }, 0, "stall:finished" },
		{ { .refused = true }, 0, "refused" },
		{ { 0 }, 0, "pass" },
	};
	char buffer[160];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct vn_tls tls = cases[i].tls;
		struct vn_verdict v = { .keep = VN_ALL, .hold = cases[i].hold, .tls = &tls };
		assert_string_equal(verdict_show(&v, NULL, buffer, sizeof buffer), cases[i].text);
	}
}

static void shown(void **state)
{
	static const struct {
		struct vn_verdict v;
		const struct vn_failure *f;
		const char *text;
	} cases[] = {
		{ { .keep = VN_ALL }, NULL, "pass" },
		{ { .keep = VN_ALL, .fate = VN_DROP }, NULL, "drop" },
		{ { .keep = VN_ALL, .fate = VN_REPLY }, &no, "reply:no" },
		{ { .keep = VN_ALL, .fate = VN_REPLY, .end = VN_CLOSE },
		  &gone,
		  "reply:gone,close" },
		{ { .keep = VN_ALL, .hold = 1500 * VN_MS }, NULL, "pass,hold:1.500000" },
		{ { .keep = VN_ALL, .hold = VN_NEVER, .end = VN_STALL },
		  NULL,
		  "pass,hold:until-changed,stall" },
		{ { .keep = 5, .pace.rate = 1, .end = VN_RESET }, NULL, "pass,keep:5,paced,reset" },
		{ { .keep = 0, .dirt.junk = 1000 }, NULL, "pass,keep:0,junk:1000" },
		{ { .keep = VN_ALL, .dirt.flips = 1 }, NULL, "pass,edited" },
		{ { .keep = VN_ALL, .dirt.edited = true }, NULL, "pass,edited" },
	};
	char buffer[160], small[8];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(verdict_show(&cases[i].v, cases[i].f, buffer, sizeof buffer),
		                    cases[i].text);
	assert_string_equal(verdict_show(&cases[3].v, cases[3].f, small, sizeof small), "reply:g");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fold), cmocka_unit_test(fold_pace), cmocka_unit_test(fold_dirt),
	cmocka_unit_test(fold_end), cmocka_unit_test(calm), cmocka_unit_test(shown),
	cmocka_unit_test(shown_tls),
};

SUITE(verdict, tests)
