/* audit_condition.c - tests of conditions and assertions: their grammar, and looks with a clock. */
#include "audit/condition.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static const struct span_times times = { 10, 20 };

/* ---- grammar ---- */

static void refused(const char *text, const char *with)
{
	struct condition c;
	char error[ERROR_MAX] = "";

	assert_false(condition_read(&c, text, error));
	if (!strstr(error, with))
		fail_msg("'%s' is refused with: %s", text, error);
}

static void assertion_refused(const char *text, const char *with)
{
	struct assertion a;
	char error[ERROR_MAX] = "";

	assert_false(assertion_read(&a, text, error));
	if (!strstr(error, with))
		fail_msg("'%s' is refused with: %s", text, error);
}

static void test_terms(void **state)
{
	struct condition c;
	char error[ERROR_MAX], name[64];

	assert_true(condition_read(&c, "db:exchanges.rate < 50 for 5s and probes <= slow", error));
	assert_int_equal(c.n, 2);
	assert_int_equal(c.terms[0].metric.kind, METRIC_EXCHANGES_RATE);
	assert_string_equal(c.terms[0].metric.proxy, "db");
	assert_int_equal(c.terms[0].compare, COMPARE_LESS);
	assert_true(c.terms[0].value == 50 && c.terms[0].lasts.seconds == 5);
	assert_int_equal(c.terms[1].metric.kind, METRIC_PROBES);
	assert_true(c.terms[1].value == OUTCOME_SLOW);
	assert_string_equal(metric_show(&c.terms[0].metric, name, sizeof name),
	                    "db:exchanges.rate");

	assert_true(condition_read(&c, "probe.front.time>=250ms", error));
	assert_int_equal(c.terms[0].metric.kind, METRIC_PROBE_TIME);
	assert_string_equal(c.terms[0].metric.probe, "front");
	assert_true(c.terms[0].span.seconds == 0.25);
	assert_true(condition_read(&c, "clock > T for H", error));
	assert_int_equal(c.terms[0].span.letter, 'T');
	assert_int_equal(c.terms[0].lasts.letter, 'H');
	assert_true(condition_read(&c, "probe.a.b != timeout", error));
	assert_string_equal(c.terms[0].metric.probe, "a.b");
}

static void test_terms_refused(void **state)
{
	refused("", "expected a metric, such as");
	refused("exchange.rate < 5", "did you mean 'exchanges.rate'?");
	refused("connections", "expected one of = != < <= > >= behind 'connections'");
	refused("connections == 5", "expected one of = != < <= > >=, got '=='");
	refused("connections <", "expected a value behind '<'");
	refused("connections < many", "expected a number, got 'many'");
	refused("connections < 5s", "expected a number, got '5s'");
	refused("clock > soon", "expected a time, such as 250ms or 2s, got 'soon'");
	refused("probes = eror", "expected ok, slow, error, timeout or down, got 'eror'; did you "
	        "mean 'error'?");
	refused("probes = ok for", "expected a time, such as 250ms or 2s behind 'for'");
	refused("probes = ok for -1s", "expected a time");
	refused("probes = ok within 3s", "expected 'for', 'and' or the end, got 'within'");
	refused("probes = ok and", "expected a metric");
	refused("db:probes = ok", "probes belongs to no proxy");
	refused(":connections > 1", "expected the name of a proxy");
	refused("probe. = ok", "expected the name of a probe");
	refused("clock>1 and clock>1 and clock>1 and clock>1 and clock>1 and clock>1 and clock>1 "
	        "and clock>1 and clock>1", "expected at most 8 terms");
}

static void test_assertions(void **state)
{
	struct assertion a;
	char error[ERROR_MAX];

	assert_true(assertion_read(&a, "connections <= 20", error));
	assert_int_equal(a.mode, ASSERT_ALWAYS);
	assert_true(assertion_read(&a, "ever probe.order = error for 1s within 3s", error));
	assert_int_equal(a.mode, ASSERT_EVER);
	assert_true(a.has_within && a.within.seconds == 3 && a.term.lasts.seconds == 1);
	assert_true(assertion_read(&a, "finally probes = ok", error));
	assert_int_equal(a.mode, ASSERT_FINALLY);
	assertion_refused("finally probes = ok within 2s", "expected no 'within'");
	assertion_refused("always", "expected a metric");
	assertion_refused("never probes = ok", "got 'never'");
	assertion_refused("probes = ok and probes = ok", "expected 'for', 'within' or the end");
	assertion_refused("probes = ok within", "behind 'within'");
}

static void test_names(void **state)
{
	static const char *const proxies[] = { "db", "cache" }, *const probes[] = { "front" };
	struct metric_names names = { 2, proxies, 1, probes };
	struct metric m = { .kind = METRIC_CONNECTIONS, .proxy = "cahe" };
	char error[ERROR_MAX];

	assert_false(metric_check(&m, &names, error));
	assert_string_equal(error, "there is no proxy 'cahe'; expected one of db, cache; did you "
	                           "mean 'cache'?");
	m = (struct metric){ .kind = METRIC_PROBE, .probe = "front" };
	assert_true(metric_check(&m, &names, error));
	m = (struct metric){ .kind = METRIC_PROBE, .probe = "fornt" };
	assert_false(metric_check(&m, &names, error));
	names.probes = NULL;
	assert_true(metric_check(&m, &names, error));
}

/* ---- looks ---- */

static struct { bool known; double value; } metric_now;

static bool metric(void *user, const struct metric *m, double since, double now, double *value)
{
	*value = metric_now.value;
	return metric_now.known;
}

static void is(double value)
{
	metric_now.known = true;
	metric_now.value = value;
}

static void test_condition_lasts(void **state)
{
	struct condition c;
	struct condition_state s;
	char error[ERROR_MAX];

	assert_true(condition_read(&c, "connections > 5 for 1s", error));
	condition_begin(&s);
	is(6);
	assert_false(condition_look(&s, &c, &times, 0, 0.0, metric, NULL));
	assert_false(condition_look(&s, &c, &times, 0, 0.9, metric, NULL));
	is(5);                          /* a break: it starts anew */
	assert_false(condition_look(&s, &c, &times, 0, 1.0, metric, NULL));
	is(6);
	assert_false(condition_look(&s, &c, &times, 0, 1.1, metric, NULL));
	assert_false(condition_look(&s, &c, &times, 0, 2.0, metric, NULL));
	assert_true(condition_look(&s, &c, &times, 0, 2.1, metric, NULL));
	metric_now.known = false;       /* no value: it does not hold */
	assert_false(condition_look(&s, &c, &times, 0, 3.2, metric, NULL));
}

static struct assertion assertion;
static struct assertion_state looks;

static void judge(const char *text)
{
	char error[ERROR_MAX];

	assert_true(assertion_read(&assertion, text, error));
	assertion_begin(&looks);
}

static enum assertion_verdict at(double now, bool last)
{
	return assertion_look(&looks, &assertion, &times, 0, now, last, metric, NULL);
}

static void test_always(void **state)
{
	judge("probes <= slow");
	metric_now.known = false;
	assert_int_equal(at(0, false), ASSERT_OPEN);
	is(OUTCOME_OK);
	assert_int_equal(at(1, false), ASSERT_OPEN);
	is(OUTCOME_ERROR);
	assert_int_equal(at(2, false), ASSERT_FAILS);
	is(OUTCOME_OK);
	assert_int_equal(at(3, true), ASSERT_FAILS);
	assert_true(looks.decided == 2 && looks.seen == OUTCOME_ERROR);

	judge("probes <= slow within 4s");      /* it may take 4 s until it is so */
	is(OUTCOME_ERROR);
	assert_int_equal(at(3.9, false), ASSERT_OPEN);
	is(OUTCOME_SLOW);
	assert_int_equal(at(4, false), ASSERT_OPEN);
	assert_int_equal(at(5, true), ASSERT_HOLDS);

	judge("probes <= slow within 4s");      /* the last look counts in any case */
	is(OUTCOME_ERROR);
	assert_int_equal(at(2, true), ASSERT_FAILS);
}

static void test_what_did_not_happen(void **state)
{
	static const char *const all[] = { "always probes = ok", "ever probes = ok",
	                                   "finally probes = ok" };

	for (size_t i = 0; i < 3; i++) {
		judge(all[i]);
		metric_now.known = false;
		assert_int_equal(at(0, false), ASSERT_OPEN);
		assert_int_equal(at(1, true), ASSERT_FAILS);
		assert_false(looks.known);
	}
}

static void test_ever(void **state)
{
	judge("ever probes = error within 3s");
	is(OUTCOME_OK);
	assert_int_equal(at(1, false), ASSERT_OPEN);
	is(OUTCOME_ERROR);
	assert_int_equal(at(3, false), ASSERT_HOLDS);

	judge("ever probes = error within 3s");
	is(OUTCOME_OK);
	assert_int_equal(at(2.9, false), ASSERT_OPEN);
	is(OUTCOME_ERROR);              /* too late */
	assert_int_equal(at(3.1, false), ASSERT_FAILS);

	judge("ever connections > 3 for 1s");
	is(4);
	assert_int_equal(at(0, false), ASSERT_OPEN);
	assert_int_equal(at(1, true), ASSERT_HOLDS);
	judge("ever connections > 3");
	is(3);
	assert_int_equal(at(9, true), ASSERT_FAILS);
}

static void test_finally(void **state)
{
	judge("finally probes = ok");
	is(OUTCOME_DOWN);
	assert_int_equal(at(1, false), ASSERT_OPEN);
	is(OUTCOME_OK);
	assert_int_equal(at(2, true), ASSERT_HOLDS);
	judge("finally probes = ok");
	is(OUTCOME_OK);
	assert_int_equal(at(1, false), ASSERT_OPEN);
	is(OUTCOME_SLOW);
	assert_int_equal(at(2, true), ASSERT_FAILS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_terms),
	cmocka_unit_test(test_terms_refused),
	cmocka_unit_test(test_assertions),
	cmocka_unit_test(test_names),
	cmocka_unit_test(test_condition_lasts),
	cmocka_unit_test(test_always),
	cmocka_unit_test(test_what_did_not_happen),
	cmocka_unit_test(test_ever),
	cmocka_unit_test(test_finally),
};

SUITE(audit_condition, tests)
