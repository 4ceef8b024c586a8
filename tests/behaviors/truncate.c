/* truncate.c - tests of responses that are cut short. */
#include "ask.h"

static uint64_t state[4];

static struct vn_verdict reply(const char *options, uint16_t head, size_t len)
{
	const struct vn_message asked = { .role = VN_ASKS, .is = VN_IS_COMMAND, .head = head };
	memset(state, 0, sizeof state);
	return ASK("truncate", options, .moment = VN_ON_RESPONSE, .msg = &asked, .len = len,
	           .state = state);
}

static struct vn_verdict piece(const char *options, size_t len)
{
	return ASK("truncate", options, .moment = VN_ON_DATA, .direction = VN_RESPONSE, .len = len,
	           .state = state);
}

static void places(void **unused)
{
	static const struct { const char *options; uint16_t head; size_t len, keep; } rows[] = {
		{ "", 4, 104, 54 }, { "where=middle", 4, 5, 4 }, { "where=prefix", 4, 104, 2 },
			{ "where=boundary", 4, 104, 4 },
		{ "where=prefix", 1, 104, 0 },
		{ "where=prefix", 0, 100, 50 }, { "where=boundary", 0, 100, 50 },
			{ "where=boundary", 4, 4, 2 }, { "", 0, 1, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct vn_verdict v = reply(rows[i].options, rows[i].head, rows[i].len);
		assert_int_equal(v.keep, rows[i].keep);
		assert_int_equal(v.end, VN_CLOSE);
		assert_int_equal(v.fate, VN_PASS);
		assert_true(changes_nothing(piece(rows[i].options, 1000)));
	}
	assert_int_equal(reply("end=reset", 4, 104).end, VN_RESET);
}

static void bytes(void **unused)
{
	assert_true(changes_nothing(reply("bytes=10", 4, 100)));
	assert_true(changes_nothing(piece("bytes=10", 4)));
	assert_true(changes_nothing(piece("bytes=10", 5)));
	struct vn_verdict v = piece("bytes=10", 5);
	assert_int_equal(v.keep, 1);
	assert_int_equal(v.end, VN_CLOSE);
}

static void shorter_ones_pass(void **unused)
{
	assert_true(changes_nothing(reply("bytes=10", 4, 10)));
	assert_true(changes_nothing(piece("bytes=10", 10)));
	assert_true(changes_nothing(reply("bytes=10", 4, 10)));
	assert_true(changes_nothing(piece("bytes=10", 10)));
	assert_int_equal(piece("bytes=10", 1).keep, 0);
}

static void not_replies(void **unused)
{
	const struct vn_message greeting = { .role = VN_PUSH, .is = VN_IS_OPENING, .head = 4 };
	for (int bytes = 0; bytes < 2; bytes++) {
		const char *options = bytes ? "bytes=10" : "";
		assert_true(changes_nothing(ASK("truncate", options, .moment = VN_ON_RESPONSE,
		                                .msg = &greeting, .len = 50, .state = state)));
		assert_true(changes_nothing(piece(options, 50)));
		assert_true(changes_nothing(ASK("truncate", options, .moment = VN_ON_RESPONSE,
		                                .state = state)));
	}
	assert_true(changes_nothing(ASK("truncate", "", .moment = VN_ON_REQUEST, .len = 50,
	                                .state = state)));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(places), cmocka_unit_test(bytes), cmocka_unit_test(shorter_ones_pass),
	cmocka_unit_test(not_replies),
};

SUITE(truncate, tests)
