/* reset_peer.c - tests of connections that fall silent and are torn down. */
#include "ask.h"

static uint64_t state[4];

static struct verdict at(const char *options, struct event e)
{
	e.state = state;
	return ask("reset_peer", options, e);
}

#define AT(options, ...) at(options, (struct event){ __VA_ARGS__ })

static int fresh(void **unused)
{
	memset(state, 0, sizeof state);
	return 0;
}

static void connections(void **unused)
{
	struct verdict v = AT("timeout=100", .moment = ON_OPEN);
	assert_true(v.end == RESET && v.after == 100 * NSEC_MS);
	v = AT("timeout=100", .moment = ON_DATA, .len = 5);
	assert_true(v.end == STAY && v.hold == NEVER && v.fate == PASS);
	assert_int_equal(AT("timeout=100", .moment = ON_END).hold, NEVER);
}

static void at_once(void **unused)
{
	struct verdict v = AT("", .moment = ON_OPEN);
	assert_true(v.end == RESET && v.after == 0);
}

/* With per = exchange it strikes where it is struck, not at the connection's opening. */
static void exchanges(void **unused)
{
	struct verdict v = AT("timeout=100", .moment = ON_DATA, .len = 5);
	assert_true(v.end == RESET && v.after == 100 * NSEC_MS && v.hold == NEVER);
	v = AT("", .moment = ON_DATA, .len = 5);
	assert_true(v.end == RESET && v.after == 0 && v.fate == DROP && !v.hold);
}

#define EACH(f) cmocka_unit_test_setup(f, fresh)

static const struct CMUnitTest tests[] = { EACH(connections), EACH(at_once), EACH(exchanges) };

SUITE(reset_peer, tests)
