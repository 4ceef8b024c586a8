/* reset_peer.c - tests of connections that fall silent and end with RST. */
#include "ask.h"

static uint64_t state[4];

static struct vn_verdict at(const char *options, struct vn_event e)
{
	e.state = state;
	return ask("reset_peer", options, e);
}

#define AT(options, ...) at(options, (struct vn_event){ __VA_ARGS__ })

static int fresh(void **unused)
{
	memset(state, 0, sizeof state);
	return 0;
}

static void connections(void **unused)
{
	struct vn_verdict v = AT("timeout=100", .moment = VN_ON_OPEN);
	assert_true(v.end == VN_RESET && v.after == 100 * VN_MS);
	v = AT("timeout=100", .moment = VN_ON_DATA, .len = 5);
	assert_true(v.end == VN_STAY && v.hold == VN_NEVER && v.fate == VN_PASS);
	assert_int_equal(AT("timeout=100", .moment = VN_ON_END).hold, VN_NEVER);
}

static void at_once(void **unused)
{
	struct vn_verdict v = AT("", .moment = VN_ON_OPEN);
	/* Idle: connected, and then reset. */
	assert_true(v.end == VN_RESET && v.after == 20 * VN_MS);
	v = AT("", .moment = VN_ON_DATA, .len = 5);
	assert_true(v.end == VN_RESET && v.after == 1 && v.hold == VN_NEVER);
	v = AT("timeout=5", .moment = VN_ON_DATA, .len = 5);
	assert_true(v.end == VN_RESET && v.after == 5 * VN_MS);
}

/* With per = exchange it acts on the exchanges drawn, not at the start of the connection. */
static void exchanges(void **unused)
{
	struct vn_verdict v = AT("timeout=100", .moment = VN_ON_DATA, .len = 5);
	assert_true(v.end == VN_RESET && v.after == 100 * VN_MS && v.hold == VN_NEVER);
	v = AT("", .moment = VN_ON_DATA, .len = 5);
	assert_true(v.end == VN_RESET && v.after == 0 && v.fate == VN_DROP && !v.hold);
}

#define EACH(f) cmocka_unit_test_setup(f, fresh)

static const struct CMUnitTest tests[] = { EACH(connections), EACH(at_once), EACH(exchanges) };

SUITE(reset_peer, tests)
