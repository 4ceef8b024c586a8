/* audit_phases.c - tests of the machine that runs a script: a clock that the test moves, and calls
 * that it writes down as one line each. */
#include "audit/phases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/error.h"
#include "spec/registry.h"
#include "unit.h"

static struct scenario_proxy proxies[2];
static struct scenario_world world;
static struct scenarios *all;
static struct script *script;
static struct phases *machine;
static double now;
static char said[8192];                 /* the calls since they were last read */
static double values[METRIC_KINDS];     /* < 0: it has no value */
static double of_cache;                 /* what is added for the proxy "cache" */

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	size_t n = strlen(said);
	va_list args;

	va_start(args, format);
	n += (size_t)snprintf(said + n, sizeof said - n, "%.1f ", now);
	vsnprintf(said + n, sizeof said - n, format, args);
	va_end(args);
	strncat(said, "\n", sizeof said - strlen(said) - 1);
}

/* ---- the calls ---- */

static void put(void *user, const char *proxy, const char *name, const char *words, double ttl)
{
	assert_true(ttl == 10);
	say("%s %s: %s", proxy, name, words);
}

static void renew(void *user, const char *proxy, const char *name, double ttl)
{
	say("%s %s renewed", proxy, name);
}

static void away(void *user, const char *proxy, const char *name)
{
	say("%s %s removed", proxy, name);
}

static void act(void *user, const struct act *a)
{
	static const char *const names[] = { "close", "reset", "backend", "run", "mark",
	                                     "backend back", "reset old" };
	say("%s%s%s %s", a->proxy ? a->proxy : "", a->proxy ? " " : "", names[a->kind], a->text);
}

static void began(void *user, const struct phase_report *p)
{
	say("%s begins", p->name);
}

static void ended(void *user, const struct phase_report *p)
{
	say("%s ends", p->name);
}

static void expectation(void *user, const struct expect_report *e)
{
	say("'%s' %s, saw %s", e->text, e->held ? "holds" : "fails", e->seen);
}

static bool metric(void *user, const struct metric *m, double since, double at, double *value)
{
	assert_true(!metric_of_proxy(m->kind) || *m->proxy);
	*value = values[m->kind] + (!strcmp(m->proxy, "cache") ? of_cache : 0);
	return values[m->kind] >= 0;
}

static const struct phases_calls calls = {
	{ put, renew, away }, act, metric, began, ended, expectation
};

/* ---- the stage ---- */

static void start_named(const char *name)
{
	char why[ERROR_MAX] = "";

	script = scenario_script_make(all, scenario_find(all, name), &world, &proxies[0], why);
	if (!script)
		fail_msg("%s", why);
	now = 0;
	*said = '\0';
	of_cache = 0;
	for (int i = 0; i < METRIC_KINDS; i++)
		values[i] = -1;
	machine = phases_start(script, &calls, NULL, 0);
}

static void world_make(void)
{
	proxies[0] = (struct scenario_proxy){ "db", protocol_find("mysql"), true, true };
	proxies[1] = (struct scenario_proxy){ "cache", protocol_find("redis"), true, true };
	world = (struct scenario_world){ 2, proxies, 0, NULL, { 2, 4 }, NULL };
}

static void start(const char *text)
{
	char name[] = "/tmp/vaurien-phases-XXXXXX", error[1024] = "";
	int fd = mkstemp(name);
	size_t n, length = strlen(text);

	assert_true(write(fd, text, length) == (ssize_t)length);
	close(fd);
	world_make();
	all = scenarios_make();
	error_capture(error, sizeof error);
	if (scenarios_read(all, name, &n) != -1)
		fail_msg("%s", error);
	error_capture(NULL, 0);
	unlink(name);
	start_named("one");
}

static void start_built_in(const char *name)
{
	world_make();
	all = scenarios_make();
	start_named(name);
}

static void end(void)
{
	phases_free(machine);
	scenario_script_free(script);
	scenarios_free(all);
}

/* Go on to that time, as the machine asks to be called. */
static enum phases_state go(double to)
{
	enum phases_state state = phases_tick(machine, now);

	while (state != PHASES_OVER && phases_next(machine) <= to) {
		now = phases_next(machine);
		state = phases_tick(machine, now);
	}
	now = to;
	return phases_tick(machine, now);
}

static void heard(const char *expected)
{
	assert_string_equal(said, expected);
	*said = '\0';
}

/* ---- tests ---- */

static void test_restart(void **state)
{
	start_built_in("restart");
	assert_int_equal(go(0.29), PHASES_RUN);
	heard("0.0 stops begins\n0.0 db audit-1: error failure=shutting_down\n");
	assert_int_equal(go(3), PHASES_RUN);
	heard("0.3 closes begins\n0.3 db audit-2: close\n0.3 db audit-1 removed\n0.3 stops ends\n"
	      "0.5 refuses begins\n0.5 db audit-3: refuse\n0.5 db audit-2 removed\n"
	      "0.5 closes ends\n");
	assert_true(phases_on(machine) == 0 && phases_off(machine) < 0);
	assert_int_equal(go(6), PHASES_OVER);
	heard("3.5 starts begins\n3.5 db audit-4: refuse\n3.5 db audit-3 removed\n"
	      "3.5 refuses ends\n5.5 db audit-4 removed\n5.5 starts ends\n");
	assert_true(fabs(phases_off(machine) - 5.5) < 0.001);
	assert_null(phases_inconclusive(machine));
	end();
}

static void test_leases(void **state)
{
	start("[scenario:one]\n[phase:a]\nrule = hang\nfor = 8s\n");
	assert_int_equal(go(9), PHASES_OVER);
	heard("0.0 a begins\n0.0 db audit-1: hang\n3.0 db audit-1 renewed\n6.0 db audit-1 renewed\n"
	      "8.0 db audit-1 removed\n8.0 a ends\n");
	end();
}

/* Rules stay until all is well; then what is left of the old connections is reset. */
static void test_reconnect(void **state)
{
	start_built_in("half_open");
	assert_int_equal(go(1.9), PHASES_RUN);
	assert_int_equal(go(4), PHASES_LINGER);
	heard("0.0 silent begins\n0.0 db audit-1: vanish connections=open\n"
	      "3.0 db audit-1 renewed\n");
	assert_true(phases_off(machine) < 0);
	phases_cured(machine, now);
	heard("4.0 db reset old \n4.0 db audit-1 removed\n4.0 silent ends\n");
	assert_int_equal(go(5), PHASES_OVER);
	assert_true(phases_on(machine) == 0 && phases_off(machine) == 4);
	end();
}

static void test_stop(void **state)
{
	start("[scenario:one]\n[phase:a]\nrule = hang\ndo = disable\ndo = backend other:1\n"
	      "for = 8s\nmeanwhile = true\n[phase:b]\nrule = delay\nfor = 8s\n"
	      "expect = ever connections = 1\n");
	*said = '\0';
	now = 1;
	phases_stop(machine, now);
	heard("1.0 db audit-1 removed\n1.0 a ends\n1.0 db audit-3 removed\n1.0 b ends\n"
	      "1.0 db audit-2 removed\n1.0 db backend back \n");
	assert_int_equal(phases_tick(machine, now), PHASES_OVER);
	phases_stop(machine, now);
	heard("");
	assert_true(phases_off(machine) == 1);
	assert_true(phases_expectations_hold(machine));
	end();
}

static void test_pauses(void **state)
{
	start("[scenario:one]\n[phase:a]\nfor = 2s\nmeanwhile = true\n[phase:b]\nafter = 500ms\n"
	      "do = close\n[phase:c]\nat = 1s\ndo = reset\n[phase:d]\nfor = 500ms\n");
	assert_int_equal(go(1.8), PHASES_RUN);
	heard("0.0 a begins\n0.5 b begins\n0.5 db close \n0.5 b ends\n1.0 c begins\n"
	      "1.0 db reset \n1.0 d begins\n1.0 c ends\n1.5 d ends\n");
	assert_true(phases_on(machine) == 0.5 && fabs(phases_off(machine) - 1) < 0.001);
	assert_int_equal(go(2), PHASES_OVER);
	heard("2.0 a ends\n");
	end();
}

static void test_when(void **state)
{
	start("[scenario:one]\n[phase:a]\nwhen = connections > 5 for 1s\nwithin = 3s\nfor = 1s\n");
	go(1.04);
	values[METRIC_CONNECTIONS] = 6;
	go(2);
	heard("");
	go(2.3);
	heard("2.1 a begins\n");
	assert_int_equal(go(4), PHASES_OVER);
	end();
}

static void test_when_never(void **state)
{
	start("[scenario:one]\n[phase:a]\nrule = delay\nfor = 9s\nmeanwhile = true\n[phase:b]\n"
	      "when = probes = ok\nwithin = 2s\ndo = reset\n");
	assert_int_equal(go(3), PHASES_OVER);
	heard("0.0 a begins\n0.0 db audit-1: delay\n2.0 db audit-1 removed\n2.0 a ends\n");
	assert_string_equal(phases_inconclusive(machine),
	                    "[phase:b]: 'probes = ok' did not hold within 2 s");
	end();
}

static void test_until(void **state)
{
	start("[scenario:one]\n[phase:a]\nrule = delay\nfor = 9s\nuntil = exchanges.rate < 5\n"
	      "expect = exchanges.rate > 1\n");
	values[METRIC_EXCHANGES_RATE] = 7;
	go(1);
	values[METRIC_EXCHANGES_RATE] = 4;
	assert_int_equal(go(1.3), PHASES_OVER);
	heard("0.0 a begins\n0.0 db audit-1: delay\n1.0 'exchanges.rate > 1' holds, saw 4\n"
	      "1.0 db audit-1 removed\n1.0 a ends\n");
	end();
}

static void test_expectations(void **state)
{
	start("[scenario:one]\nproxy = all\n[phase:a]\nfor = 2s\n"
	      "expect = always connections <= 20\nexpect = ever probes = error within 1s\n"
	      "expect = finally probe.front.time < 1s\nexpect = clock < 9s\n"
	      "expect = cache:waiting = 5\nexpect = retries < 4\n");
	values[METRIC_CONNECTIONS] = 9;
	values[METRIC_PROBE_TIME] = 2.345678;
	values[METRIC_WAITING] = 5;
	values[METRIC_RETRIES] = 3;     /* of several proxies the most, not the sum */
	*said = '\0';
	go(0.94);
	values[METRIC_PROBES] = OUTCOME_ERROR;
	go(1.09);
	heard("0.9 'ever probes = error within 1s' holds, saw error\n");
	of_cache = 3;
	go(1.5);
	heard("1.1 'always connections <= 20' fails, saw 21\n"
	      "1.1 'cache:waiting = 5' fails, saw 8\n1.1 'retries < 4' fails, saw 6\n");
	assert_int_equal(go(2), PHASES_OVER);
	heard("2.0 'finally probe.front.time < 1s' fails, saw 2.346 s\n2.0 'clock < 9s' holds, "
	      "saw 2 s\n2.0 a ends\n");
	assert_false(phases_expectations_hold(machine));
	end();
}

/* A port is closed by a leased rule: it is open again when the auditor is killed. */
static void test_port(void **state)
{
	start("[scenario:one]\n[phase:a]\ndo = disable\nfor = 1s\n[phase:b]\ndo = disable\n"
	      "for = 1s\n[phase:c]\ndo = enable\nfor = 1s\n[phase:d]\ndo = disable\n");
	go(2.5);
	heard("0.0 a begins\n0.0 db audit-1: refuse\n0.0 db close \n1.0 b begins\n1.0 a ends\n"
	      "2.0 c begins\n2.0 db audit-1 removed\n2.0 b ends\n");
	assert_true(phases_off(machine) < 0);
	assert_int_equal(go(4), PHASES_OVER);
	heard("3.0 d begins\n3.0 db audit-2: refuse\n3.0 db close \n3.0 c ends\n3.0 d ends\n"
	      "3.0 db audit-2 removed\n");
	assert_true(phases_off(machine) == 3);
	end();
}

static void test_run(void **state)
{
	start("[scenario:one]\n[phase:a]\ndo = mark hello\ndo = run true\ndo = run false\n");
	assert_int_equal(go(1), PHASES_RUN);
	heard("0.0 a begins\n0.0 mark hello\n0.0 run true\n0.0 run false\n0.0 a ends\n");
	phases_ran(machine, 1, 0, now);
	assert_true(phases_expectations_hold(machine));
	assert_int_equal(go(2), PHASES_RUN);
	phases_ran(machine, 2, 3, now);
	heard("1.0 'run true' holds, saw exit code 0\n2.0 'run false' fails, saw exit code 3\n");
	assert_false(phases_expectations_hold(machine));
	assert_int_equal(go(3), PHASES_OVER);
	end();
}

static void test_use(void **state)
{
	start("[scenario:one]\n[phase:twice]\nuse = two\nrepeat = 2\nuntil = gave_up > 3\n"
	      "[phase:well]\nfor = 1s\n[scenario:two]\n[phase:a]\nrule = reset\nfor = 1s\n"
	      "[phase:b]\nat = 1500ms\nproxy = cache\nrule = refuse\nfor = 500ms\n");
	go(2.2);
	heard("0.0 twice begins\n0.0 twice.1.a begins\n0.0 db audit-1: reset\n"
	      "1.0 db audit-1 removed\n1.0 twice.1.a ends\n"
	      "1.5 twice.1.b begins\n1.5 cache audit-2: refuse\n"
	      "2.0 twice.2.a begins\n2.0 db audit-3: reset\n"
	      "2.0 cache audit-2 removed\n2.0 twice.1.b ends\n");
	values[METRIC_GAVE_UP] = 4;
	go(2.5);
	heard("2.2 well begins\n2.2 db audit-3 removed\n2.2 twice.2.a ends\n2.2 twice ends\n");
	assert_true(fabs(phases_off(machine) - 2.2) < 0.001);
	assert_int_equal(go(3.3), PHASES_OVER);
	end();
}

static void test_each(void **state)
{
	start("[scenario:one]\nproxy = each\nrepeat = 2\n[phase:a]\nrule = reset\nfor = 1s\n");
	assert_int_equal(go(5), PHASES_OVER);
	heard("0.0 db.1.a begins\n0.0 db audit-1: reset\n"
	      "1.0 db.2.a begins\n1.0 db audit-2: reset\n1.0 db audit-1 removed\n"
	      "1.0 db.1.a ends\n"
	      "2.0 cache.1.a begins\n2.0 cache audit-3: reset\n2.0 db audit-2 removed\n"
	      "2.0 db.2.a ends\n"
	      "3.0 cache.2.a begins\n3.0 cache audit-4: reset\n3.0 cache audit-3 removed\n"
	      "3.0 cache.1.a ends\n"
	      "4.0 cache audit-4 removed\n4.0 cache.2.a ends\n");
	end();
}

/* Whatever the outage, when it is stopped: each rule that was put is removed. */
static void test_nothing_stays(void **state)
{
	struct scenarios *known = scenarios_make();

	for (size_t i = 0; i < known->n; i++) {
		size_t put_n = 0, removed = 0;
		struct scenario_proxy it;
		char why[ERROR_MAX];
		world_make();
		it = proxies[0];
		if (!scenario_fits(known, known->at[i], &it, why))
			continue;
		start_built_in(known->at[i]->name);
		go(0.7 * (double)(i % 7));
		phases_stop(machine, now);
		for (const char *at = said; (at = strstr(at, "audit-")); at++) {
			const char *behind = at + strcspn(at, ": \n");
			put_n += *behind == ':';
			removed += !strncmp(behind, " removed", 8);
		}
		assert_int_equal(put_n, removed);
		assert_int_equal(phases_tick(machine, now), PHASES_OVER);
		end();
	}
	scenarios_free(known);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_restart),
	cmocka_unit_test(test_leases),
	cmocka_unit_test(test_reconnect),
	cmocka_unit_test(test_stop),
	cmocka_unit_test(test_pauses),
	cmocka_unit_test(test_when),
	cmocka_unit_test(test_when_never),
	cmocka_unit_test(test_until),
	cmocka_unit_test(test_expectations),
	cmocka_unit_test(test_port),
	cmocka_unit_test(test_run),
	cmocka_unit_test(test_use),
	cmocka_unit_test(test_each),
	cmocka_unit_test(test_nothing_stays),
};

SUITE(audit_phases, tests)
