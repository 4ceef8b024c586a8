/* audit_judge.c - tests of each finding of an audit: a record that has it, one that just does not;
 * of verdicts, of the comparison with an earlier report, and of exit codes. */
#include <signal.h>
#include <string.h>

#include "audit/findings.h"
#include "audit_made.h"
#include "base/memory.h"
#include "unit.h"

#define MADE(m) struct made m; made_init(&m)
#define HAS(place, id)  assert_true(made_finds(&m, place, id))
#define HAS_NOT(place, id) assert_false(made_finds(&m, place, id))

/* ---- probes ---- */

static void well_after(struct made *m)
{
	made_samples(m, STOCK, 22, 30, OUTCOME_OK);
	made_samples(m, FRONT, 12, 30, OUTCOME_OK);
}

static void calm_is_a_pass(void **state)
{
	MADE(m);
	made_calm(&m);
	json_t *x = judge_experiment(&m.r, m.e);
	assert_string_equal(json_string_value(json_object_get(x, "verdict")), "pass");
	assert_int_equal(json_array_size(json_object_get(x, "probes")), 2);
	json_decref(x);
	made_free(&m);
}

static void hangs(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 12, 21, OUTCOME_ERROR);
	well_after(&m);
	HAS_NOT("stock", "hangs");
	made_sample(&m, STOCK, 21.6, 5, OUTCOME_TIMEOUT);
	HAS("stock", "hangs");
	made_free(&m);
}

static void down(void **state)
{
	MADE(m);
	made_calm(&m);
	HAS_NOT("stock", "down");
	made_sample(&m, STOCK, 25.1, 0.01, OUTCOME_DOWN);
	HAS("stock", "down");
	made_free(&m);
}

static void collateral_is_of_probes_that_ask_nothing(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		MADE(m);
		made_calm(&m);
		made_sample(&m, i ? FRONT : STOCK, 15.1, 5, OUTCOME_TIMEOUT);
		assert_int_equal(made_finds(&m, "front", "collateral"), i);
		HAS_NOT("stock", "collateral");
		HAS_NOT("front", "hangs");
		assert_int_equal(made_finds(&m, "stock", "hangs"), !i);
		made_free(&m);
	}
}

static void an_unknown_need_counts_as_yes(void **state)
{
	MADE(m);
	m.r.probes.at[FRONT].needs[DB].need = NEED_UNKNOWN;
	made_calm(&m);
	made_sample(&m, FRONT, 15.1, 5, OUTCOME_TIMEOUT);
	HAS("front", "hangs");
	HAS_NOT("front", "collateral");
	made_free(&m);
}

static void must_work(void **state)
{
	static const struct { const char *expect; bool found; } rows[] = {
		{ "any", false }, { "works", true }, { "works:db", true }, { "works:cache", false },
		{ "works:cache,db", true }, { "works:d", false }, { "works:db2", false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		MADE(m);
		m.r.probes.at[STOCK].expect = xstrdup(rows[i].expect);
		made_calm(&m);
		made_sample(&m, STOCK, 15.1, 0.4, OUTCOME_SLOW);
		HAS_NOT("stock", "must_work");
		made_sample(&m, STOCK, 15.2, 0.01, OUTCOME_ERROR);
		assert_int_equal(made_finds(&m, "stock", "must_work"), rows[i].found);
		made_free(&m);
	}
}

static void errors_and_how_fast(void **state)
{
	MADE(m);
	well_after(&m);
	made_samples(&m, STOCK, 12, 22, OUTCOME_ERROR);
	HAS("stock", "errors");
	json_t *x = judge_experiment(&m.r, m.e);
	json_t *cell = json_array_get(json_object_get(x, "probes"), STOCK);
	json_t *f = json_array_get(json_object_get(cell, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(f, "text")),
	                    "20 of 20 samples in the fault were errors, after 11 ms");
	assert_string_equal(json_string_value(json_object_get(cell, "verdict")), "degraded");
	json_decref(x);
	made_free(&m);
}

static void no_error_no_finding(void **state)
{
	MADE(m);
	made_calm(&m);
	made_sample(&m, STOCK, 25, 0.01, OUTCOME_ERROR);        /* after the fault */
	HAS_NOT("stock", "errors");
	made_free(&m);
}

static void with_reconnect_failures_are_late(void **state)
{
	MADE(m);
	m.e->reconnect = true;
	made_samples(&m, FRONT, 12, 30, OUTCOME_OK);
	made_samples(&m, STOCK, 12, 13, OUTCOME_ERROR);
	made_samples(&m, STOCK, 13, 30, OUTCOME_OK);
	HAS_NOT("stock", "errors");
	HAS("stock", "stale_pool");
	made_sample(&m, STOCK, 11.9, 0.2, OUTCOME_ERROR);       /* it was under way */
	HAS("stock", "errors");
	made_free(&m);
}

static void slow_is_two_and_a_tenth(void **state)
{
	MADE(m);
	made_calm(&m);                                          /* 20 samples in the fault */
	made_sample(&m, STOCK, 15.1, 0.4, OUTCOME_SLOW);
	HAS_NOT("stock", "slow");
	made_sample(&m, STOCK, 15.2, 0.4, OUTCOME_SLOW);        /* 2 of 22 */
	HAS_NOT("stock", "slow");
	made_sample(&m, STOCK, 15.3, 0.4, OUTCOME_SLOW);        /* 3 of 23 */
	HAS("stock", "slow");
	made_free(&m);
}

static void two_samples_are_too_few(void **state)
{
	MADE(m);
	well_after(&m);
	made_samples(&m, STOCK, 21, 22, OUTCOME_OK);
	HAS("stock", "too_few");
	made_sample(&m, STOCK, 15, 0.1, OUTCOME_SKIPPED);
	HAS("stock", "too_few");
	made_sample(&m, STOCK, 15, 0.1, OUTCOME_OK);
	HAS_NOT("stock", "too_few");
	made_free(&m);
}

static void not_recovered(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 12, 28.5, OUTCOME_ERROR);
	made_samples(&m, STOCK, 28.5, 30, OUTCOME_OK);
	HAS_NOT("stock", "not_recovered");
	made_sample(&m, STOCK, 29.9, 0.01, OUTCOME_ERROR);
	HAS("stock", "not_recovered");
	m.e->state = STATE_BROKEN_OFF;                          /* nobody waited for it */
	HAS_NOT("stock", "not_recovered");
	made_free(&m);
}

static void recovered_late(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 12, 26, OUTCOME_ERROR);
	made_samples(&m, STOCK, 26, 30, OUTCOME_OK);
	HAS_NOT("stock", "recovered_late");
	m.e->recover_within = 3.9;
	HAS("stock", "recovered_late");
	HAS_NOT("stock", "late_failures");
	HAS_NOT("stock", "stale_pool");
	made_free(&m);
}

static void stale_pool(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 22, 23, OUTCOME_ERROR);
	made_samples(&m, STOCK, 23, 30, OUTCOME_OK);
	HAS("stock", "stale_pool");
	HAS_NOT("stock", "late_failures");
	for (double at = 22; at < 23; at += 0.5)
		made_ask(&m, (struct asked){ .at = at + 0.005, .error = "1053" });
	HAS_NOT("stock", "stale_pool");
	HAS("stock", "late_failures");
	made_free(&m);
}

static void a_command_that_cannot_be_run(void **state)
{
	for (int code = 126; code <= 128; code++) {
		char answer[24];
		MADE(m);
		snprintf(answer, sizeof answer, "exit %d", code);
		m.r.probes.at[STOCK].command = true;
		made_calm(&m);
		record_sample(&m.r, STOCK, 15, 15.1, OUTCOME_ERROR, true, answer);
		assert_int_equal(made_finds(&m, "stock", "incomplete"), code < 128);
		made_free(&m);
	}
}

/* ---- connections: the thresholds are tested in audit_measure.c ---- */

static void broken_connections(void **state)
{
	json_t *reply = json_pack("{s:[{s:i, s:f, s:f, s:{s:s}}], s:i}", "connections",
	                          "connection", 1, "age", 20.0, "idle", 15.0, "asks", "verb",
	                          "QUERY", "open", 2);
	MADE(m);
	made_calm(&m);
	HAS_NOT("connections", "stuck");
	record_connections(&m.r, DB, reply, 30);
	HAS("connections", "stuck");
	HAS_NOT("connections", "poisoned");
	for (unsigned i = 0; i < 2; i++)
		made_ask(&m, (struct asked){ .at = 25 + i, .connection = 2, .kinds = "writes",
		                             .error = "1290" });
	HAS("connections", "poisoned");
	HAS_NOT("connections", "unnoticed");
	made_close(&m, 2, 26, false);
	HAS("connections", "unnoticed");
	json_decref(reply);
	made_free(&m);
}

static void storms(void **state)
{
	MADE(m);
	made_calm(&m);
	HAS_NOT("connections", "reconnect_storm");
	HAS_NOT("connections", "more_connections");
	for (unsigned i = 0; i < 11; i++)
		made_open(&m, DB, 10 + i, 13 + 0.05 * i);
	HAS("connections", "reconnect_storm");
	HAS("connections", "more_connections");
	HAS_NOT("connections", "retry_storm");
	for (unsigned i = 0; i < 20; i++)               /* with those of calm: 3 and 4 times */
		for (unsigned k = 0; k < 3; k++)
			made_ask(&m, (struct asked){ .at = 12.005 + 0.5 * i + 0.001 * k });
	HAS("connections", "retry_storm");
	made_free(&m);
}

static void three_times_is_no_retry_storm(void **state)
{
	MADE(m);
	made_calm(&m);
	for (unsigned i = 0; i < 20; i++)
		for (unsigned k = 0; k < 2; k++)
			made_ask(&m, (struct asked){ .at = 12.105 + 0.5 * i + 0.001 * k });
	HAS_NOT("connections", "retry_storm");
	made_free(&m);
}

static void no_backoff_is_two_at_once(void **state)
{
	for (unsigned n = 1; n <= 2; n++) {
		MADE(m);
		made_calm(&m);
		for (unsigned i = 0; i <= n; i++)
			made_ask(&m, (struct asked){ .at = 13.105 + 0.002 * i, .error = "1213",
			                             .by_rule = true });
		made_sample(&m, STOCK, 13.1, 0.1, OUTCOME_OK);
		assert_int_equal(made_finds(&m, "connections", "no_backoff"), n == 2);
		made_free(&m);
	}
}

static void no_timeout_is_a_long_wait(void **state)
{
	MADE(m);
	made_calm(&m);
	made_ask(&m, (struct asked){ .at = 18, .took = 4.1, .struck = true });
	HAS_NOT("connections", "no_timeout");
	made_ask(&m, (struct asked){ .at = 13, .took = 9.1, .struck = true });
	HAS("connections", "no_timeout");
	made_gave_up(&m, 1, 9, 15, 2);
	HAS_NOT("connections", "no_timeout");
	made_free(&m);
}

static void a_stampede_is_of_others(void **state)
{
	MADE(m);
	made_calm(&m);
	HAS_NOT("connections", "stampede");
	for (unsigned i = 0; i < 35; i++)               /* 3.5 in a second, and none before */
		made_ask(&m, (struct asked){ .proxy = CACHE, .at = 12.2 + 0.25 * i });
	HAS("connections", "stampede");
	made_free(&m);
}

static void twice(void **state)
{
	MADE(m);
	made_calm(&m);
	made_ask(&m, (struct asked){ .at = 13.11, .kinds = "writes", .digest = "5b",
	                             .lost = true });
	made_sample(&m, STOCK, 13.1, 0.2, OUTCOME_OK);
	HAS_NOT("connections", "executed_twice");
	made_ask(&m, (struct asked){ .at = 13.15, .kinds = "writes", .digest = "5b" });
	HAS("connections", "executed_twice");
	made_free(&m);
}

/* ---- the experiment ---- */

static void what_ended_the_application(void **state)
{
	MADE(m);
	made_calm(&m);
	HAS_NOT("", "exited");
	m.e->exited = true;
	m.e->exited_at = 13;
	m.e->exit_text = xstrdup("exit code 1");
	HAS("", "exited");
	HAS_NOT("", "needed_restart");
	m.e->needed_restart = true;
	HAS("", "needed_restart");
	json_t *x = judge_experiment(&m.r, m.e), *c = json_object_get(x, "connections");
	assert_string_equal(json_string_value(json_object_get(c, "verdict")), "fail");
	json_decref(x);
	made_free(&m);
}

static void expectations(void **state)
{
	MADE(m);
	made_calm(&m);
	struct phase_record *p = experiment_phase(m.e, "killed", true);
	struct expect_record *a = ROWS_ADD(&p->expectations);
	a->text = xstrdup("always probe.front = ok");
	a->held = 1;
	HAS_NOT("", "expectation");
	a->held = 0;
	HAS("", "expectation");
	a->held = -1;
	HAS_NOT("", "expectation");
	made_free(&m);
}

static void what_struck_nothing_never_passes(void **state)
{
	MADE(m);
	made_calm(&m);
	m.e->hits = 0;
	HAS("", "never_struck");
	HAS_NOT("", "unreachable");
	json_t *x = judge_experiment(&m.r, m.e);
	json_t *cell = json_array_get(json_object_get(x, "probes"), FRONT);
	assert_string_equal(json_string_value(json_object_get(cell, "verdict")), "inconclusive");
	assert_string_equal(json_string_value(json_object_get(x, "verdict")), "inconclusive");
	json_decref(x);
	m.e->unreachable = 7;
	HAS_NOT("", "never_struck");
	HAS("", "unreachable");
	m.e->hits = 1;
	HAS_NOT("", "unreachable");
	made_free(&m);
}

static void reasons_of_having_no_result(void **state)
{
	static const struct { enum why_not why; const char *id; } rows[] = {
		{ WHY_NO_TRAFFIC, "no_traffic" }, { WHY_NOT_STEADY, "not_steady" },
		{ WHY_CONDITION, "condition" }, { WHY_CHANGED_BY_OTHERS, "changed_by_others" },
		{ WHY_INTERRUPTED, "interrupted" }, { WHY_NOT_RUN, "not_run" },
		{ WHY_INCOMPLETE, "incomplete" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		MADE(m);
		m.e->state = STATE_NOT_RUN;
		m.e->t_on = m.e->t_off = m.e->end = -1;
		m.e->why_not = rows[i].why;
		for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
			assert_int_equal(made_finds(&m, "", rows[k].id), i == k);
		json_t *x = judge_experiment(&m.r, m.e);
		assert_true(json_is_null(json_object_get(x, "connections")));
		assert_string_equal(json_string_value(json_object_get(x, "verdict")),
		                    "inconclusive");
		json_decref(x);
		made_free(&m);
	}
}

static void lost_events_make_it_incomplete(void **state)
{
	MADE(m);
	made_calm(&m);
	*ROWS_ADD(&m.r.losses) = 9;             /* before it */
	HAS_NOT("", "incomplete");
	*ROWS_ADD(&m.r.losses) = 20;
	HAS("", "incomplete");
	made_free(&m);
}

/* ---- the run ---- */

static json_t *run(struct made *m, const json_t *against, enum verdict fail_on)
{
	struct run_facts facts = { .program = "vaurien 3.0.0", .started = "2026-01-05T10:00:00Z",
	                           .seed = 42, .took = 30, .fail_on = fail_on,
	                           .against = against };

	return judge_run(&m->r, &facts);
}

static int exit_of(struct made *m, const json_t *against, enum verdict fail_on)
{
	json_t *report = run(m, against, fail_on);
	int code = (int)json_integer_value(json_object_get(report, "exit"));

	json_decref(report);
	return code;
}

static void exit_codes(void **state)
{
	MADE(m);
	made_calm(&m);
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 0);
	m.e->hits = 0;
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 3);
	m.e->hits = 5;
	made_sample(&m, STOCK, 15.1, 0.1, OUTCOME_ERROR);
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 0);
	assert_int_equal(exit_of(&m, NULL, VERDICT_DEGRADED), 1);
	made_sample(&m, STOCK, 15.2, 5, OUTCOME_TIMEOUT);
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 1);
	m.e->hits = 0;                                          /* 1 goes before 3 */
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 1);
	made_free(&m);
}

static void endings_have_exit_codes(void **state)
{
	static const struct { const char *how; int signal, code; } rows[] = {
		{ "complete", 0, 1 }, { "run_limit", 0, 1 }, { "guard", 0, 4 },
		{ "api_lost", 0, 4 }, { "no_baseline", 0, 4 }, { "interrupted", SIGINT, 130 },
		{ "interrupted", SIGTERM, 143 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		MADE(m);
		made_calm(&m);
		made_sample(&m, STOCK, 15.2, 5, OUTCOME_TIMEOUT);
		struct run_facts facts = { .fail_on = VERDICT_FAIL, .how = rows[i].how,
		                           .signal = rows[i].signal };
		json_t *report = judge_run(&m.r, &facts);
		assert_int_equal(json_integer_value(json_object_get(report, "exit")), rows[i].code);
		json_decref(report);
		made_free(&m);
	}
}

static void nothing_tried_is_no_pass(void **state)
{
	MADE(m);
	m.e->state = STATE_LEFT_OUT;
	m.e->t_on = m.e->t_off = m.e->end = -1;
	assert_int_equal(exit_of(&m, NULL, VERDICT_FAIL), 3);
	json_t *report = run(&m, NULL, VERDICT_FAIL);
	assert_string_equal(json_string_value(json_object_get(report, "verdict")), "inconclusive");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "counts"),
	                                                    "inconclusive")), 0);
	json_decref(report);
	made_free(&m);
}

static void what_was_there_before_is_known(void **state)
{
	MADE(m);
	made_calm(&m);
	made_sample(&m, STOCK, 15.2, 5, OUTCOME_TIMEOUT);
	json_t *before = run(&m, NULL, VERDICT_FAIL);
	assert_int_equal(exit_of(&m, before, VERDICT_FAIL), 0);
	json_t *again = run(&m, before, VERDICT_FAIL);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(again, "counts"),
	                                                    "known")), 1);
	json_decref(again);
	made_sample(&m, STOCK, 25.2, 0.1, OUTCOME_DOWN);        /* a worse thing of a known one */
	assert_int_equal(exit_of(&m, before, VERDICT_FAIL), 1);
	json_decref(before);
	made_free(&m);
}

static void earlier_reports_are_checked(void **state)
{
	char error[ERROR_MAX];
	json_t *foreign = json_pack("{s:s}", "schema", "other/1");
	MADE(m);
	json_t *good = run(&m, NULL, VERDICT_FAIL);
	assert_false(judge_against_good(foreign, error));
	assert_non_null(strstr(error, "vaurien-audit/1"));
	assert_false(judge_against_good(NULL, error));
	assert_true(judge_against_good(good, error));
	json_decref(foreign);
	json_decref(good);
	made_free(&m);
}

static void findings_are_collected(void **state)
{
	MADE(m);
	made_calm(&m);
	made_sample(&m, STOCK, 15.1, 0.1, OUTCOME_ERROR);
	made_sample(&m, STOCK, 15.2, 5, OUTCOME_TIMEOUT);
	json_t *report = run(&m, NULL, VERDICT_FAIL);
	json_t *list = json_object_get(report, "findings"), *first = json_array_get(list, 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(first, "id")), "hangs");
	assert_string_equal(json_string_value(json_object_get(first, "text")),
	                    "requests to db have no time-out, or a long one");
	assert_string_equal(json_string_value(json_array_get(json_object_get(first, "where"), 0)),
	                    "db/restart/stock");
	json_decref(report);
	made_free(&m);
}

/* An experiment in which the connection in use is forgotten, and another opened in its place. */
static void leaking(struct made *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		double at = 100 * (i + 1);
		struct experiment *e = i ? record_experiment(&m->r, DB, "again", "") : m->e;
		e->state = STATE_DONE;
		e->hits = 1;
		e->begun = at;
		e->t_on = at + 2;
		e->t_off = at + 10;
		e->end = at + 20;
		made_ask(m, (struct asked){ .at = at + 1, .connection = i ? 99 + i : 1 });
		made_ask(m, (struct asked){ .at = at + 1, .connection = 50 });
		made_open(m, DB, 100 + i, at + 9);
		made_ask(m, (struct asked){ .at = at + 12, .connection = 100 + i });
		made_ask(m, (struct asked){ .at = at + 13, .connection = 50 });
	}
}

static bool leaks(struct made *m)
{
	json_t *report = run(m, NULL, VERDICT_FAIL), *f;
	bool found = false;
	size_t i;

	json_array_foreach(json_object_get(report, "findings"), i, f)
		found |= !strcmp(json_string_value(json_object_get(f, "id")), "leak");
	json_decref(report);
	return found;
}

static void a_leak_comes_three_times(void **state)
{
	for (unsigned n = 2; n <= 3; n++) {
		MADE(m);
		made_close(&m, 2, -0.5, true);
		made_open(&m, DB, 50, -0.5);
		leaking(&m, n);
		assert_int_equal(leaks(&m), n == 3);
		if (n == 3) {
			made_ask(&m, (struct asked){ .at = 250, .connection = 1 });
			assert_false(leaks(&m));                /* used again: two are left */
			made_close(&m, 100, 260, true);
			assert_false(leaks(&m));
		}
		made_free(&m);
	}
}

static void the_tables_are_whole(void **state)
{
	static const char *const ids[] = {
		"hangs", "down", "exited", "collateral", "must_work", "not_recovered",
		"recovered_late", "stuck", "poisoned", "leak", "executed_twice", "expectation",
		"errors", "slow", "stale_pool", "late_failures", "reconnect_storm", "retry_storm",
		"stampede", "unnoticed", "more_connections", "no_backoff", "no_timeout",
		"needed_restart", "no_traffic", "never_struck", "unreachable", "not_steady",
		"too_few", "condition", "incomplete", "changed_by_others", "interrupted", "not_run",
	};

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		assert_non_null(finding_find(ids[i]));
		assert_true(*finding_find(ids[i])->summary);
	}
	assert_null(finding_find("other"));
	assert_int_equal(verdict_of("degraded"), VERDICT_DEGRADED);
	assert_int_equal(verdict_of("other"), VERDICT_INCONCLUSIVE);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(calm_is_a_pass),
	cmocka_unit_test(hangs),
	cmocka_unit_test(down),
	cmocka_unit_test(collateral_is_of_probes_that_ask_nothing),
	cmocka_unit_test(an_unknown_need_counts_as_yes),
	cmocka_unit_test(must_work),
	cmocka_unit_test(errors_and_how_fast),
	cmocka_unit_test(no_error_no_finding),
	cmocka_unit_test(with_reconnect_failures_are_late),
	cmocka_unit_test(slow_is_two_and_a_tenth),
	cmocka_unit_test(two_samples_are_too_few),
	cmocka_unit_test(not_recovered),
	cmocka_unit_test(recovered_late),
	cmocka_unit_test(stale_pool),
	cmocka_unit_test(a_command_that_cannot_be_run),
	cmocka_unit_test(broken_connections),
	cmocka_unit_test(storms),
	cmocka_unit_test(three_times_is_no_retry_storm),
	cmocka_unit_test(no_backoff_is_two_at_once),
	cmocka_unit_test(no_timeout_is_a_long_wait),
	cmocka_unit_test(a_stampede_is_of_others),
	cmocka_unit_test(twice),
	cmocka_unit_test(what_ended_the_application),
	cmocka_unit_test(expectations),
	cmocka_unit_test(what_struck_nothing_never_passes),
	cmocka_unit_test(reasons_of_having_no_result),
	cmocka_unit_test(lost_events_make_it_incomplete),
	cmocka_unit_test(exit_codes),
	cmocka_unit_test(endings_have_exit_codes),
	cmocka_unit_test(nothing_tried_is_no_pass),
	cmocka_unit_test(what_was_there_before_is_known),
	cmocka_unit_test(earlier_reports_are_checked),
	cmocka_unit_test(findings_are_collected),
	cmocka_unit_test(a_leak_comes_three_times),
	cmocka_unit_test(the_tables_are_whole),
};

SUITE(audit_judge, tests)
