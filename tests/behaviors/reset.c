/* reset.c - tests of connections that are torn down. */
#include "ask.h"

static uint64_t state[4];

static struct verdict at(const char *options, struct event e)
{
	e.state = state;
	return ask("reset", options, e);
}

#define AT(options, ...) at(options, (struct event){ __VA_ARGS__ })

static int fresh(void **unused)
{
	memset(state, 0, sizeof state);
	return 0;
}

/* A rule without odds meets connections; what they ask is then none of its business. */
static void connections(void **unused)
{
	struct verdict v = AT("", .moment = ON_OPEN);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.after, 0);
	assert_true(says_nothing(AT("", .moment = ON_REQUEST)));
	assert_true(says_nothing(AT("", .moment = ON_DATA, .len = 100)));
}

static void exchanges(void **unused)
{
	struct verdict v = AT("", .moment = ON_REQUEST);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.fate, DROP);
}

static void after(void **unused)
{
	struct verdict v = AT("after=2", .moment = ON_REQUEST);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.after, 2 * NSEC_S);
	assert_int_equal(v.fate, PASS);
	assert_int_equal(AT("after=2", .moment = ON_OPEN).after, 2 * NSEC_S);
	assert_true(says_nothing(AT("after=2", .moment = ON_REQUEST)));
}

static void bytes(void **unused)
{
	assert_true(says_nothing(AT("bytes=10", .moment = ON_OPEN)));
	assert_true(says_nothing(AT("bytes=10", .moment = ON_REQUEST)));
	assert_true(says_nothing(AT("bytes=10", .moment = ON_DATA, .len = 9)));
	assert_true(says_nothing(AT("bytes=10", .moment = ON_DATA, .len = 5, .passed = 4)));
	struct verdict v = AT("bytes=10", .moment = ON_DATA, .len = 9, .passed = 4);
	assert_int_equal(v.end, RESET);
	assert_int_equal(v.keep, 6);
	v = AT("bytes=10", .moment = ON_DATA, .len = 6, .passed = 4);   /* reached exactly: the piece is whole */
	assert_int_equal(v.end, RESET);
	assert_true(v.keep == ALL);
	v = AT("bytes=10", .moment = ON_DATA, .len = 1, .passed = 11);
	assert_int_equal(v.keep, 0);
}

static void whichever_is_first(void **unused)
{
	assert_int_equal(AT("after=2 bytes=10", .moment = ON_OPEN).after, 2 * NSEC_S);
	assert_int_equal(AT("after=2 bytes=10", .moment = ON_DATA, .len = 10).end, RESET);
}

#define EACH(f) cmocka_unit_test_setup(f, fresh)

static const struct CMUnitTest tests[] = {
	EACH(connections), EACH(exchanges), EACH(after), EACH(bytes), EACH(whichever_is_first),
};

SUITE(reset, tests)
