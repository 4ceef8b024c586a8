/* audit_measure.c - tests of each figure of an audit: a record that has it, and one that just does
 * not. */
#include <math.h>
#include <string.h>

#include "audit_made.h"
#include "audit/metric.h"
#include "unit.h"

static bool about(double a, double b)
{
	return fabs(a - b) < 1e-4;
}

static struct probe_figures probe(struct made *made, unsigned index)
{
	struct probe_figures f;
	struct measure m;

	measure_begin(&m, &made->r, made->e);
	measure_probe(&m, index, &f);
	measure_end(&m);
	return f;
}

static struct connection_figures connections(struct made *made)
{
	struct connection_figures f;
	struct measure m;

	measure_begin(&m, &made->r, made->e);
	measure_connections(&m, &f);
	measure_end(&m);
	return f;
}

static struct retry_figures retries(struct made *made)
{
	struct retry_figures f;
	struct measure m;

	measure_begin(&m, &made->r, made->e);
	measure_retries(&m, &f);
	measure_end(&m);
	return f;
}

static struct timeout_figures timeouts(struct made *made, bool connecting)
{
	struct timeout_figures connect, request;
	struct measure m;

	measure_begin(&m, &made->r, made->e);
	measure_timeouts(&m, &connect, &request);
	measure_end(&m);
	return connecting ? connect : request;
}

static unsigned executed_twice(struct made *made)
{
	struct measure m;
	unsigned n;

	measure_begin(&m, &made->r, made->e);
	n = measure_executed_twice(&m);
	measure_end(&m);
	return n;
}

#define MADE(m) struct made m; made_init(&m)

/* ---- the time to detect, to recover ---- */

static void a_calm_experiment_has_no_figures(void **state)
{
	MADE(m);
	made_calm(&m);
	struct probe_figures f = probe(&m, STOCK);
	assert_true(f.detect < 0);
	assert_true(f.recover == 0);
	assert_int_equal(f.during[OUTCOME_OK], 20);
	assert_int_equal(f.after[OUTCOME_OK], 16);
	assert_int_equal(f.failures_after, 0);
	assert_true(f.answer_median < 0);
	assert_true(f.asks);
	assert_false(probe(&m, FRONT).asks);
	made_free(&m);
}

static void it_is_detected_at_the_end_of_a_sample(void **state)
{
	MADE(m);
	made_fault(&m, "hang", 1, 12.1);
	made_sample(&m, STOCK, 11.9, 0.15, OUTCOME_ERROR);      /* ended before the strike */
	made_sample(&m, STOCK, 12.0, 5, OUTCOME_TIMEOUT);
	made_sample(&m, STOCK, 12.5, 2, OUTCOME_ERROR);
	made_samples(&m, STOCK, 22, 30, OUTCOME_OK);
	assert_true(about(probe(&m, STOCK).detect, 2.4));
	made_free(&m);
}

static void slow_is_noticed_too(void **state)
{
	MADE(m);
	made_fault(&m, "delay", 1, 12.1);
	made_sample(&m, STOCK, 12.1, 0.4, OUTCOME_SLOW);
	assert_true(about(probe(&m, STOCK).detect, 0.4));
	made_free(&m);
}

static void it_recovers_where_the_last_row_begins(void **state)
{
	MADE(m);
	made_fault(&m, "close", 1, 12);
	made_samples(&m, STOCK, 22, 23.5, OUTCOME_ERROR);       /* 22, 22.5, 23 */
	made_samples(&m, STOCK, 23.5, 30, OUTCOME_OK);
	struct probe_figures f = probe(&m, STOCK);
	assert_true(about(f.recover, 1.5));
	assert_int_equal(f.failures_after, 3);
	made_free(&m);
}

static void a_relapse_moves_recovery(void **state)
{
	MADE(m);
	made_fault(&m, "close", 1, 12);
	made_samples(&m, STOCK, 22, 25, OUTCOME_OK);
	made_sample(&m, STOCK, 25, 0.01, OUTCOME_ERROR);
	made_samples(&m, STOCK, 25.5, 30, OUTCOME_OK);
	assert_true(about(probe(&m, STOCK).recover, 3.5));
	assert_int_equal(probe(&m, STOCK).failures_after, 1);
	made_free(&m);
}

static void one_slow_sample_breaks_no_row(void **state)
{
	for (unsigned n = 1; n <= 2; n++) {
		MADE(m);
		made_samples(&m, STOCK, 22, 25, OUTCOME_OK);
		for (unsigned i = 0; i < n; i++)
			made_sample(&m, STOCK, 25 + 0.5 * i, 0.4, OUTCOME_SLOW);
		made_samples(&m, STOCK, 26, 30, OUTCOME_OK);
		assert_true(about(probe(&m, STOCK).recover, n == 1 ? 0 : 4));
		made_free(&m);
	}
	MADE(m);
	made_sample(&m, STOCK, 22, 0.4, OUTCOME_SLOW);          /* the first is no part of it */
	made_samples(&m, STOCK, 22.5, 30, OUTCOME_OK);
	assert_true(about(probe(&m, STOCK).recover, 0.5));
	made_free(&m);
}

static void two_in_a_row_are_no_recovery(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 22, 29, OUTCOME_ERROR);
	made_samples(&m, STOCK, 29, 30, OUTCOME_OK);
	assert_true(probe(&m, STOCK).recover < 0);
	made_free(&m);
	made_init(&m);
	made_samples(&m, STOCK, 22, 28.5, OUTCOME_ERROR);
	made_samples(&m, STOCK, 28.5, 30, OUTCOME_OK);
	assert_true(about(probe(&m, STOCK).recover, 6.5));
	made_free(&m);
}

static void with_reconnect_it_counts_from_the_fault(void **state)
{
	MADE(m);
	m.e->reconnect = true;
	made_samples(&m, STOCK, 12, 16, OUTCOME_ERROR);
	made_samples(&m, STOCK, 16, 30, OUTCOME_OK);
	assert_true(about(probe(&m, STOCK).recover, 4));
	assert_int_equal(probe(&m, STOCK).failures_after, 8);
	made_free(&m);
}

static void what_was_under_way_is_struck_too(void **state)
{
	MADE(m);
	made_fault(&m, "vanish", 1, 12.001);
	made_sample(&m, STOCK, 11.95, 5, OUTCOME_TIMEOUT);
	made_sample(&m, STOCK, 11.96, 0.2, OUTCOME_OK);
	assert_int_equal(probe(&m, STOCK).during[OUTCOME_TIMEOUT], 1);
	assert_int_equal(probe(&m, STOCK).during[OUTCOME_OK], 0);
	made_free(&m);
}

static void what_the_end_interrupts_does_not_count(void **state)
{
	MADE(m);
	made_sample(&m, STOCK, 29.9, 0.2, OUTCOME_DOWN);        /* the audit restarts it at 30 */
	made_sample(&m, STOCK, 29.8, 0.2, OUTCOME_DOWN);
	assert_int_equal(probe(&m, STOCK).after[OUTCOME_DOWN], 1);
	made_free(&m);
}

static void a_strike_is_the_fault(void **state)
{
	MADE(m);
	made_fault(&m, "close", 1, 11.99);      /* the API confirms a moment later */
	made_close(&m, 1, 11.991, true);
	made_close(&m, 2, 11.992, true);
	made_open(&m, DB, 3, 11.995);
	assert_int_equal(connections(&m).before, 2);
	assert_int_equal(connections(&m).opened, 1);
	made_free(&m);
}

static void skipped_samples_are_no_failures(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 22, 23, OUTCOME_SKIPPED);
	made_samples(&m, STOCK, 23, 30, OUTCOME_OK);
	struct probe_figures f = probe(&m, STOCK);
	assert_true(f.recover == 0);
	assert_int_equal(f.failures_after, 0);
	assert_int_equal(f.after[OUTCOME_SKIPPED], 2);
	made_free(&m);
}

static void without_asking_means_nothing_came(void **state)
{
	MADE(m);
	made_samples(&m, STOCK, 22, 24, OUTCOME_ERROR);         /* 22, 22.5, 23, 23.5 */
	made_samples(&m, STOCK, 24, 30, OUTCOME_OK);
	made_ask(&m, (struct asked){ .at = 22.005, .error = "1290" });
	made_open(&m, DB, 3, 22.505);
	struct probe_figures f = probe(&m, STOCK);
	assert_int_equal(f.failures_after, 4);
	assert_int_equal(f.without_asking, 2);
	assert_int_equal(f.tried, TRIED_CONNECTED);
	made_free(&m);
}

static void only_alone_samples_are_without_asking(void **state)
{
	MADE(m);
	record_sample(&m.r, STOCK, 22, 22.01, OUTCOME_ERROR, false, "500");
	record_sample(&m.r, STOCK, 22.5, 22.51, OUTCOME_ERROR, true, "500");
	made_samples(&m, STOCK, 24, 30, OUTCOME_OK);
	assert_int_equal(probe(&m, STOCK).without_asking, 1);
	assert_int_equal(probe(&m, STOCK).tried, TRIED_NOTHING);
	made_free(&m);
}

/* ---- connections ---- */

static void opened_and_open_are_counted(void **state)
{
	MADE(m);
	made_calm(&m);
	made_close(&m, 1, 13, true);
	for (unsigned i = 0; i < 3; i++)
		made_open(&m, DB, 3 + i, 14 + 0.4 * i);
	made_open(&m, DB, 9, 16);
	struct connection_figures f = connections(&m);
	assert_int_equal(f.before, 2);
	assert_int_equal(f.after, 5);
	assert_int_equal(f.opened, 4);
	assert_int_equal(f.peak, 3);
	assert_int_equal(f.normal, 2);
	assert_false(f.storm);
	made_free(&m);
}

static void eleven_in_a_second_are_a_storm(void **state)
{
	for (unsigned n = 10; n <= 11; n++) {
		MADE(m);
		for (unsigned i = 0; i < n; i++)
			made_open(&m, DB, 10 + i, 13 + 0.05 * i);
		assert_int_equal(connections(&m).storm, n == 11);
		made_free(&m);
	}
}

static void a_large_pool_may_open_twice_as_many(void **state)
{
	for (unsigned n = 16; n <= 17; n++) {
		MADE(m);
		for (unsigned i = 0; i < 6; i++)
			made_open(&m, DB, 3 + i, 1);            /* 8 in the baseline */
		for (unsigned i = 0; i < n; i++)
			made_open(&m, DB, 100 + i, 13 + 0.05 * i);
		assert_int_equal(connections(&m).storm, n == 17);
		made_free(&m);
	}
}

static void what_opens_many_normally_makes_no_storm(void **state)
{
	for (unsigned n = 14; n <= 15; n++) {
		MADE(m);
		for (unsigned i = 0; i < 7; i++) {      /* a connection for each request */
			made_open(&m, DB, 3 + i, 1 + 0.1 * i);
			made_close(&m, 3 + i, 1.05 + 0.1 * i, true);
		}
		for (unsigned i = 0; i < n; i++)
			made_open(&m, DB, 100 + i, 13 + 0.05 * i);
		assert_int_equal(connections(&m).storm, n == 15);
		made_free(&m);
	}
}

static void what_the_client_does_not_close_is_unnoticed(void **state)
{
	MADE(m);
	made_close(&m, 1, 13, false);
	made_close(&m, 2, 13, true);
	assert_int_equal(connections(&m).unnoticed, 1);
	made_free(&m);
}

static void look(struct made *m, double now, uint64_t connection, double idle, const char *verb)
{
	json_t *reply = json_pack("{s:[{s:I, s:f, s:f, s:s, s:o}], s:i}", "connections",
		"connection", (json_int_t)connection, "age", 20.0, "idle", idle, "state", "open",
		"asks", verb ? json_pack("{s:i, s:s}", "exchange", 9, "verb", verb) : json_null(),
		"open", 1);

	record_connections(&m->r, DB, reply, now);
	json_decref(reply);
}

static void a_request_that_still_waits_is_stuck(void **state)
{
	MADE(m);
	look(&m, 30, 1, 15, "QUERY");
	look(&m, 30, 2, 15, NULL);
	assert_int_equal(connections(&m).stuck, 1);
	made_free(&m);
	made_init(&m);
	look(&m, 30, 1, 1, "QUERY");                    /* it was asked a moment ago */
	look(&m, 30, 2, 19, "QUERY");                   /* before the fault */
	assert_int_equal(connections(&m).stuck, 0);
	look(&m, 30, 1, 5, "QUERY");                    /* after it, so the backend is slow */
	assert_int_equal(connections(&m).stuck, 0);
	m.e->reconnect = true;                          /* there the fault goes on */
	m.e->t_off = 30;
	assert_int_equal(connections(&m).stuck, 1);
	made_ask(&m, (struct asked){ .at = 3, .took = 2 });     /* so long is normal */
	assert_int_equal(connections(&m).stuck, 0);
	made_free(&m);
}

static void what_waits_always_is_not_stuck(void **state)
{
	MADE(m);
	m.e->t_on = -1;
	look(&m, 10, 1, 5, "BLPOP");
	m.e->t_on = 12;
	look(&m, 30, 1, 15, "BLPOP");
	assert_int_equal(connections(&m).stuck, 0);
	made_free(&m);
}

static void answer(struct made *m, double at, const char *kinds, const char *error)
{
	made_ask(m, (struct asked){ .at = at, .kinds = kinds, .error = error });
}

static void only_errors_of_a_kind_are_poison(void **state)
{
	MADE(m);
	answer(&m, 23, "writes,commands", "1290");
	answer(&m, 24, "reads,commands", NULL);
	assert_int_equal(connections(&m).poisoned, 0);  /* one answer is no row */
	answer(&m, 25, "writes,commands", "1290");
	assert_int_equal(connections(&m).poisoned, 1);
	assert_string_equal(connections(&m).poisoned_error, "1290");
	answer(&m, 26, "writes,commands", NULL);
	assert_int_equal(connections(&m).poisoned, 0);
	made_free(&m);
}

static void errors_of_the_baseline_are_no_poison(void **state)
{
	MADE(m);
	answer(&m, 5, "writes,commands", "1062");
	answer(&m, 23, "writes,commands", "1062");
	answer(&m, 25, "writes,commands", "1062");
	assert_int_equal(connections(&m).poisoned, 0);
	made_free(&m);
}

static void a_closed_connection_is_not_poisoned(void **state)
{
	MADE(m);
	answer(&m, 23, "writes", "1290");
	answer(&m, 25, "writes", "1290");
	made_close(&m, 1, 26, true);
	assert_int_equal(connections(&m).poisoned, 0);
	made_free(&m);
}

static void silent_ones_are_replaced(void **state)
{
	MADE(m);
	m.e->reconnect = true;
	made_fault(&m, "stall", 1, 12.1);
	made_fault(&m, "stall", 2, 12.3);
	made_open(&m, DB, 3, 17);
	assert_int_equal(connections(&m).silent, 2);
	assert_int_equal(connections(&m).replaced, 1);
	made_free(&m);
}

static void left_over_ones_are_suspects(void **state)
{
	MADE(m);
	made_ask(&m, (struct asked){ .connection = 1, .at = 13 });
	made_open(&m, DB, 3, 14);
	made_ask(&m, (struct asked){ .connection = 2, .at = 25 });
	made_ask(&m, (struct asked){ .connection = 3, .at = 26 });
	assert_int_equal(connections(&m).suspects, 1);          /* 1, which is beyond two */
	made_close(&m, 2, 27, true);
	assert_int_equal(connections(&m).suspects, 0);          /* no more than normal */
	made_free(&m);
}

static void what_is_used_is_no_suspect(void **state)
{
	MADE(m);
	made_open(&m, DB, 3, 14);
	for (unsigned i = 1; i <= 3; i++)
		made_ask(&m, (struct asked){ .connection = i, .at = 25 });
	assert_int_equal(connections(&m).suspects, 0);
	made_free(&m);
}

/* ---- retries ---- */

/* A sample at 13 in which a statement fails at once, and is asked again after each gap. */
static void try_again(struct made *m, const double *gaps, unsigned n)
{
	double at = 13.01;

	made_fault(m, "error", 1, 13);
	for (unsigned i = 0; i <= n; i++) {
		made_ask(m, (struct asked){ .at = at, .exchange = 10 + i, .error = "1213",
		                            .by_rule = true });
		at += 0.001 + (i < n ? gaps[i] : 0);
	}
	made_sample(m, STOCK, 13, at - 13 + 0.01, OUTCOME_ERROR);
}

static void retries_are_counted(void **state)
{
	static const double gaps[] = { 0.001, 0.001, 0.001 };
	MADE(m);
	try_again(&m, gaps, 3);
	struct retry_figures f = retries(&m);
	assert_int_equal(f.most, 3);
	assert_true(f.median == 3);
	assert_int_equal(f.samples, 1);
	assert_int_equal(f.spacing, SPACING_IMMEDIATE);
	made_free(&m);
}

static void a_failure_alone_is_no_retry(void **state)
{
	MADE(m);
	try_again(&m, NULL, 0);
	struct retry_figures f = retries(&m);
	assert_int_equal(f.most, 0);
	assert_int_equal(f.samples, 1);
	assert_int_equal(f.spacing, SPACING_NONE);
	assert_true(f.gap < 0);
	made_free(&m);
}

static void another_shape_is_no_retry(void **state)
{
	MADE(m);
	made_ask(&m, (struct asked){ .at = 13.01, .error = "1213", .by_rule = true });
	made_ask(&m, (struct asked){ .at = 13.02, .shape = "2a", .digest = "2b" });
	made_sample(&m, STOCK, 13, 0.1, OUTCOME_OK);
	assert_int_equal(retries(&m).most, 0);
	made_free(&m);
}

static void what_a_page_asks_often_is_no_retry(void **state)
{
	MADE(m);
	for (unsigned i = 0; i < 3; i++) {              /* ten of a shape, in the baseline too */
		for (unsigned k = 0; k < 10; k++)
			made_ask(&m, (struct asked){ .at = 6.31 + i + 0.001 * k, .shape = "3a",
			                             .digest = "3b" });
		made_sample(&m, STOCK, 6.3 + i, 0.1, OUTCOME_OK);
	}
	for (unsigned k = 0; k < 10; k++)
		made_ask(&m, (struct asked){ .at = 13.01 + 0.001 * k, .shape = "3a",
		                             .digest = "3b", .struck = true });
	made_sample(&m, STOCK, 13, 0.1, OUTCOME_SLOW);
	assert_int_equal(retries(&m).most, 0);
	made_ask(&m, (struct asked){ .at = 13.05, .shape = "3a", .digest = "3b" });
	assert_int_equal(retries(&m).most, 1);
	made_free(&m);
}

static void a_sample_in_company_does_not_count(void **state)
{
	static const double gaps[] = { 0.001 };
	MADE(m);
	try_again(&m, gaps, 1);
	m.r.samples.at[m.r.samples.n - 1].alone = false;
	assert_int_equal(retries(&m).samples, 0);
	made_free(&m);
}

static void spacing_has_names(void **state)
{
	static const struct { double gaps[3]; unsigned n; enum spacing spacing; } rows[] = {
		{ { 0.018, 0.018, 0.018 }, 3, SPACING_IMMEDIATE },
		{ { 0.025, 0.025, 0.025 }, 3, SPACING_FIXED },
		{ { 0.5, 0.58, 0.45 }, 3, SPACING_FIXED },
		{ { 0.1, 0.2, 0.4 }, 3, SPACING_GROWING },
		{ { 0.1, 0.14, 0.4 }, 3, SPACING_JITTERED },
		{ { 0.3, 0.1, 0.2 }, 3, SPACING_JITTERED },
		{ { 0.3 }, 1, SPACING_FIXED },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		MADE(m);
		try_again(&m, rows[i].gaps, rows[i].n);
		assert_int_equal(retries(&m).spacing, rows[i].spacing);
		made_free(&m);
	}
}

static void the_load_is_compared_with_the_baseline(void **state)
{
	MADE(m);
	made_fault(&m, "error", 1, 12);
	for (unsigned i = 0; i < 20; i++) {
		for (unsigned k = 0; k < 4; k++)
			made_ask(&m, (struct asked){ .at = 12.01 + 0.5 * i + 0.001 * k });
		made_sample(&m, STOCK, 12 + 0.5 * i, 0.1, OUTCOME_OK);
	}
	assert_true(about(retries(&m).per_sample, 4));
	assert_true(about(retries(&m).per_second, 4));
	made_free(&m);
}

/* ---- time-outs ---- */

static void giving_up_is_the_time_out(void **state)
{
	MADE(m);
	made_gave_up(&m, 1, 7, 15, 2.0);
	made_gave_up(&m, 2, 8, 16, 2.2);
	made_gave_up(&m, 3, 0, 17, 1.0);
	struct timeout_figures request = timeouts(&m, false), connect = timeouts(&m, true);
	assert_int_equal(request.given_up, 2);
	assert_true(about(request.least, 2.0) && about(request.most, 2.2));
	assert_true(about(request.median, 2.1));
	assert_int_equal(connect.given_up, 1);
	assert_true(about(connect.median, 1.0));
	made_free(&m);
}

static void a_login_is_part_of_connecting(void **state)
{
	MADE(m);
	made_gave_up(&m, 4, 1, 15, 2.0);
	made_ask(&m, (struct asked){ .connection = 4, .exchange = 1, .at = 13, .kinds = "logins",
	                             .unanswered = true, .ended = 15 });
	assert_int_equal(timeouts(&m, false).waited, 0);
	assert_int_equal(timeouts(&m, true).given_up, 1);
	made_free(&m);
}

static void waiting_to_the_end_is_none(void **state)
{
	MADE(m);
	made_ask(&m, (struct asked){ .at = 13, .took = 9.1, .struck = true });
	made_ask(&m, (struct asked){ .at = 14, .took = 0.4, .struck = true });  /* only late */
	struct timeout_figures f = timeouts(&m, false);
	assert_int_equal(f.waited, 1);
	assert_int_equal(f.given_up, 0);
	assert_true(about(f.watched, 9));
	assert_true(f.median < 0);
	made_free(&m);
}

static void a_command_that_was_killed_has_no_time_out(void **state)
{
	MADE(m);
	m.r.probes.at[STOCK].command = true;
	made_sample(&m, STOCK, 13, 5, OUTCOME_TIMEOUT);
	made_gave_up(&m, 1, 7, 18.02, 4.9);
	assert_int_equal(timeouts(&m, false).given_up, 0);
	made_gave_up(&m, 1, 8, 16, 2);
	assert_int_equal(timeouts(&m, false).given_up, 1);
	made_free(&m);
}

/* ---- executed twice ---- */

#define WRITE(...) made_ask(&m, (struct asked){ .kinds = "writes,commands", .shape = "5a", \
	.digest = "5b", __VA_ARGS__ })

static void a_lost_write_asked_again_is_twice(void **state)
{
	MADE(m);
	WRITE(.at = 13.01, .lost = true);
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 0);
	WRITE(.at = 13.05);
	assert_int_equal(executed_twice(&m), 1);
	made_free(&m);
}

static void another_write_is_not_twice(void **state)
{
	MADE(m);
	WRITE(.at = 13.01, .lost = true);
	WRITE(.at = 13.05, .exchange = 2);
	m.r.proxies.at[DB].exchanges.at[m.r.proxies.at[DB].exchanges.n - 1].digest++;
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 0);
	made_free(&m);
}

static void what_the_server_rejects_is_not_twice(void **state)
{
	MADE(m);
	WRITE(.at = 13.01, .lost = true);
	WRITE(.at = 13.05, .error = "1062");
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 0);
	made_free(&m);
}

static void a_lost_transaction_is_not_twice(void **state)
{
	MADE(m);
	WRITE(.at = 13.01, .lost = true, .in_transaction = true);       /* rolled back */
	WRITE(.at = 13.05, .connection = 2, .in_transaction = true);
	made_ask(&m, (struct asked){ .kinds = "commits", .shape = "6a", .digest = "6b", .at = 13.06,
	                             .connection = 2 });
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 0);
	made_free(&m);
}

static void a_lost_commit_is_twice(void **state)
{
	MADE(m);
	for (unsigned i = 0; i < 2; i++) {
		WRITE(.at = 13.01 + 0.1 * i, .connection = 1 + i, .in_transaction = true);
		made_ask(&m, (struct asked){ .kinds = "commits", .shape = "6a", .digest = "6b",
		                             .at = 13.02 + 0.1 * i, .connection = 1 + i,
		                             .lost = !i });
	}
	made_sample(&m, STOCK, 13, 0.3, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 1);
	made_free(&m);
}

static void what_the_baseline_does_twice_is_not(void **state)
{
	MADE(m);
	WRITE(.at = 5.31);
	WRITE(.at = 5.32);
	made_sample(&m, STOCK, 5.3, 0.1, OUTCOME_OK);
	WRITE(.at = 13.01, .lost = true);
	WRITE(.at = 13.05);
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_OK);
	assert_int_equal(executed_twice(&m), 0);
	made_free(&m);
}

/* ---- load on others ---- */

static void load_is_a_multiple_of_the_baseline(void **state)
{
	for (unsigned times = 3; times <= 4; times++) {
		struct load_figures f;
		struct measure measure;
		MADE(m);
		for (unsigned i = 0; i < 20; i++)               /* 2 in a second */
			made_ask(&m, (struct asked){ .proxy = CACHE, .at = 0.1 + 0.45 * i });
		made_fault(&m, "cold_cache", 1, 12);
		for (unsigned i = 0; i < 20 * times; i++)
			made_ask(&m, (struct asked){ .proxy = CACHE, .at = 12 + 0.1 * i });
		measure_begin(&measure, &m.r, m.e);
		measure_load(&measure, CACHE, &f);
		measure_end(&measure);
		assert_true(about(f.exchanges, times));
		assert_int_equal(f.stampede, times == 4);
		made_free(&m);
	}
}

/* ---- metrics ---- */

static bool metric(struct made *m, enum metric_kind kind, double since, double now, double *value)
{
	struct metric what = { .kind = kind, .proxy = "db", .probe = "stock" };

	return metric_value(&m->r, &what, since, now, value);
}

static void metrics_of_proxies_come_from_looks(void **state)
{
	double value;
	MADE(m);
	assert_false(metric(&m, METRIC_WAITING, 12, 13, &value));
	for (unsigned i = 0; i <= 20; i++) {
		json_t *info = json_pack("{s:i, s:i, s:i, s:i}", "opened", (int)(10 + i),
		                         "exchanges", (int)(100 + 5 * i), "connections", 3,
		                         "waiting", (int)i);
		record_look(&m.r, DB, 12 + 0.1 * i, info);
		json_decref(info);
	}
	assert_true(metric(&m, METRIC_WAITING, 12, 14, &value) && value == 20);
	assert_true(metric(&m, METRIC_CONNECTIONS, 12, 14, &value) && value == 3);
	assert_true(metric(&m, METRIC_CONNECTIONS_OPENED, 13.05, 14.05, &value) && value == 10);
	assert_true(metric(&m, METRIC_EXCHANGES_RATE, 12, 14.05, &value) && about(value, 50));
	assert_true(metric(&m, METRIC_CONNECTIONS_RATE, 12, 14.05, &value) && about(value, 10));
	made_free(&m);
}

static void counts_begin_with_the_phase(void **state)
{
	double value;
	MADE(m);
	made_fault(&m, "hang", 1, 12);
	made_fault(&m, "hang", 1, 14);
	made_gave_up(&m, 1, 7, 15, 2);
	assert_true(metric(&m, METRIC_HITS, 13, 16, &value) && value == 1);
	assert_true(metric(&m, METRIC_GAVE_UP, 13, 16, &value) && value == 1);
	assert_true(metric(&m, METRIC_GAVE_UP, 15.5, 16, &value) && value == 0);
	made_free(&m);
}

static void metrics_of_probes_need_a_sample(void **state)
{
	double value;
	MADE(m);
	assert_false(metric(&m, METRIC_PROBE, 13, 13.2, &value));
	made_sample(&m, STOCK, 13, 0.2, OUTCOME_ERROR);
	made_sample(&m, STOCK, 14, 0.1, OUTCOME_OK);
	assert_true(metric(&m, METRIC_PROBE, 13, 15, &value) && value == OUTCOME_OK);
	assert_true(metric(&m, METRIC_PROBE_TIME, 13, 15, &value) && about(value, 0.1));
	assert_true(metric(&m, METRIC_PROBE_ERRORS, 13, 15, &value) && value == 1);
	assert_true(metric(&m, METRIC_PROBE_SHARE_OK, 13, 15, &value) && value == 0.5);
	assert_false(metric(&m, METRIC_PROBES, 13, 15, &value));        /* front has none */
	made_sample(&m, FRONT, 14, 0.1, OUTCOME_DOWN);
	assert_true(metric(&m, METRIC_PROBES, 13, 15, &value) && value == OUTCOME_DOWN);
	made_free(&m);
}

static void retries_need_a_sample_that_is_alone(void **state)
{
	static const double gaps[] = { 0.1, 0.2 };
	double value;
	MADE(m);
	assert_false(metric(&m, METRIC_RETRIES, 12, 13, &value));
	try_again(&m, gaps, 2);
	assert_true(metric(&m, METRIC_RETRIES, 12, 15, &value) && value == 2);
	made_free(&m);
}

/* ---- events ---- */

static void the_offset_follows_a_clock_that_was_set(void **state)
{
	MADE(m);
	record_clock(&m.r, 1700000013.001, 13, 13.002);         /* as it was */
	assert_true(m.r.offset == 1700000000);
	record_clock(&m.r, 1700000019.001, 14, 14.002);         /* 5 s later, within 2 ms */
	assert_true(fabs(m.r.offset - 1700000005) < 0.002);
	record_clock(&m.r, 0, 14, 14.002);
	assert_true(fabs(m.r.offset - 1700000005) < 0.002);
	made_free(&m);
}

static void an_uncertain_clock_has_slack(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		MADE(m);
		m.r.uncertainty = i ? 0.02 : 0;
		made_sample(&m, STOCK, 22.5, 0.01, OUTCOME_ERROR);
		made_ask(&m, (struct asked){ .at = 22.525, .error = "1053" });
		made_samples(&m, STOCK, 24, 30, OUTCOME_OK);
		assert_int_equal(probe(&m, STOCK).without_asking, !i);
		made_free(&m);
	}
}

static void lost_events_are_counted(void **state)
{
	json_t *event = json_pack("{s:s, s:f, s:i}", "type", "lost", "time", 1700000015.0,
	                          "lost", 3);
	MADE(m);
	record_event(&m.r, event);
	assert_int_equal(m.r.lost, 3);
	assert_true(about(m.r.losses.at[0], 15));
	json_decref(event);
	made_free(&m);
}

static void foreign_events_are_ignored(void **state)
{
	json_t *event = json_pack("{s:s, s:s, s:s}", "type", "opened", "proxy", "other", "x", "y");
	json_t *rule = json_pack("{s:s, s:s, s:s, s:f}", "type", "fault", "proxy", "db", "rule",
	                         "mine", "time", 1700000013.0);
	MADE(m);
	record_event(&m.r, event);
	record_event(&m.r, rule);
	assert_int_equal(m.r.proxies.at[DB].faults.n, 0);
	json_decref(event);
	json_decref(rule);
	made_free(&m);
}

static void connections_are_found_by_number(void **state)
{
	MADE(m);
	made_open(&m, DB, 9, 13);
	made_open(&m, DB, 5, 13.1);
	assert_true(record_connection(&m.r.proxies.at[DB], 5)->opened > 13);
	assert_null(record_connection(&m.r.proxies.at[DB], 6));
	made_free(&m);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_calm_experiment_has_no_figures),
	cmocka_unit_test(it_is_detected_at_the_end_of_a_sample),
	cmocka_unit_test(slow_is_noticed_too),
	cmocka_unit_test(it_recovers_where_the_last_row_begins),
	cmocka_unit_test(a_relapse_moves_recovery),
	cmocka_unit_test(one_slow_sample_breaks_no_row),
	cmocka_unit_test(two_in_a_row_are_no_recovery),
	cmocka_unit_test(with_reconnect_it_counts_from_the_fault),
	cmocka_unit_test(what_was_under_way_is_struck_too),
	cmocka_unit_test(what_the_end_interrupts_does_not_count),
	cmocka_unit_test(a_strike_is_the_fault),
	cmocka_unit_test(skipped_samples_are_no_failures),
	cmocka_unit_test(without_asking_means_nothing_came),
	cmocka_unit_test(only_alone_samples_are_without_asking),
	cmocka_unit_test(opened_and_open_are_counted),
	cmocka_unit_test(eleven_in_a_second_are_a_storm),
	cmocka_unit_test(a_large_pool_may_open_twice_as_many),
	cmocka_unit_test(what_opens_many_normally_makes_no_storm),
	cmocka_unit_test(what_the_client_does_not_close_is_unnoticed),
	cmocka_unit_test(a_request_that_still_waits_is_stuck),
	cmocka_unit_test(what_waits_always_is_not_stuck),
	cmocka_unit_test(only_errors_of_a_kind_are_poison),
	cmocka_unit_test(errors_of_the_baseline_are_no_poison),
	cmocka_unit_test(a_closed_connection_is_not_poisoned),
	cmocka_unit_test(silent_ones_are_replaced),
	cmocka_unit_test(left_over_ones_are_suspects),
	cmocka_unit_test(what_is_used_is_no_suspect),
	cmocka_unit_test(retries_are_counted),
	cmocka_unit_test(a_failure_alone_is_no_retry),
	cmocka_unit_test(another_shape_is_no_retry),
	cmocka_unit_test(what_a_page_asks_often_is_no_retry),
	cmocka_unit_test(a_sample_in_company_does_not_count),
	cmocka_unit_test(spacing_has_names),
	cmocka_unit_test(the_load_is_compared_with_the_baseline),
	cmocka_unit_test(giving_up_is_the_time_out),
	cmocka_unit_test(a_login_is_part_of_connecting),
	cmocka_unit_test(waiting_to_the_end_is_none),
	cmocka_unit_test(a_command_that_was_killed_has_no_time_out),
	cmocka_unit_test(a_lost_write_asked_again_is_twice),
	cmocka_unit_test(another_write_is_not_twice),
	cmocka_unit_test(what_the_server_rejects_is_not_twice),
	cmocka_unit_test(a_lost_transaction_is_not_twice),
	cmocka_unit_test(a_lost_commit_is_twice),
	cmocka_unit_test(what_the_baseline_does_twice_is_not),
	cmocka_unit_test(load_is_a_multiple_of_the_baseline),
	cmocka_unit_test(metrics_of_proxies_come_from_looks),
	cmocka_unit_test(counts_begin_with_the_phase),
	cmocka_unit_test(metrics_of_probes_need_a_sample),
	cmocka_unit_test(retries_need_a_sample_that_is_alone),
	cmocka_unit_test(the_offset_follows_a_clock_that_was_set),
	cmocka_unit_test(an_uncertain_clock_has_slack),
	cmocka_unit_test(lost_events_are_counted),
	cmocka_unit_test(foreign_events_are_ignored),
	cmocka_unit_test(connections_are_found_by_number),
};

SUITE(audit_measure, tests)
