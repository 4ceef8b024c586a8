/* resolve.c - tests of names looked up while the loop goes on. */
#include "net/resolve.h"

#include "unit.h"

static struct loop loop;
static struct resolver *resolver;
static struct address address;

static int set_up(void **state)
{
	loop_init(&loop);
	resolver = resolver_start();
	return 0;
}

static int tear_down(void **state)
{
	resolver_stop(resolver);
	loop_free(&loop);
	address_free(&address);
	return 0;
}

static void name(const char *text)
{
	char error[200];
	address_free(&address);
	assert_true(address_parse(&address, text, error, sizeof error));
}

struct question { struct lookup look; bool answered; };

static void answered(struct lookup *l)
{
	struct question *q = (struct question *)l;
	assert_false(q->answered);
	q->answered = true;
}

static void unheard(struct lookup *l)
{
	fail_msg("a dropped look was answered");
}

static void wait_for(bool *what)
{
	while (!*what)
		loop_once(&loop, true);
}

static void numeric_at_once(void **state)
{
	static const struct { const char *text, *found;
	} cases[] = {
		{ "127.0.0.1:80", "127.0.0.1:80" }, { "[::1]:81", "[::1]:81" },
		{ "localhost:82", "127.0.0.1:82" }, { ":83", "127.0.0.1:83" },
		{ "unix:/a/b", "unix:/a/b" },
	};
	char shown[200];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct question q = { .look.done = answered };
		name(cases[i].text);
		lookup_start(&q.look, resolver, &loop, &address);
		assert_true(q.answered && q.look.n == 1 && !q.look.job);
		assert_string_equal(endpoint_show(&q.look.found[0], shown, sizeof shown),
		                    cases[i].found);
		lookup_cancel(&q.look);
	}
}

/* A name that cannot be: three ask at once, one asks again when the answer is known. All are told
 * the same. */
static void no_such_name(void **state)
{
	struct question q[4] = { { { 0 } } };
	name("name.invalid:80");
	for (int i = 0; i < 4; i++) {
		q[i].look.done = answered;
		if (i == 3)
			wait_for(&q[2].answered);
		lookup_start(&q[i].look, resolver, &loop, &address);
		assert_false(q[i].answered);    /* later, in the loop */
	}
	for (int i = 0; i < 4; i++) {
		wait_for(&q[i].answered);
		assert_int_equal(q[i].look.n, 0);
		assert_non_null(q[i].look.error);
		assert_null(q[i].look.job);
	}
}

static void lookup_dropped(void **state)
{
	struct lookup dropped = { .done = unheard };
	struct question q = { .look.done = answered };
	name("name.invalid:80");
	lookup_start(&dropped, resolver, &loop, &address);
	lookup_start(&q.look, resolver, &loop, &address);
	lookup_cancel(&dropped);
	lookup_cancel(&dropped);
	wait_for(&q.answered);
	while (loop_once(&loop, false))
		;
}

/* The program may end in the midst of a look-up. */
static void ended_meanwhile(void **state)
{
	struct lookup dropped[3] = {
		{ .done = unheard }, { .done = unheard }, { .done = unheard }
	};
	name("name.invalid:80");
	for (int i = 0; i < 3; i++) {
		lookup_start(&dropped[i], resolver, &loop, &address);
		lookup_cancel(&dropped[i]);
	}
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(numeric_at_once), EACH(no_such_name), EACH(lookup_dropped), EACH(ended_meanwhile),
};

SUITE(resolve, tests)
