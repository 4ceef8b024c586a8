/* audit_scenario.c - tests of scenarios: those built in, files and their mistakes, scripts. */
#include "audit/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/scenario_rule.h"
#include "config/error.h"
#include "spec/registry.h"
#include "unit.h"

static const char *const protocols[] = { "tcp", "http", "memcache", "mysql", "postgres", "redis",
                                         "smtp" };

enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

static struct scenario_proxy proxy_of(const char *name, const char *protocol)
{
	return (struct scenario_proxy){ name, protocol_find(protocol), true, true };
}

/* ---- built in ---- */

/* Section 5 of the specification: sets, and protocols by their first letters (in that order). */
static const struct { const char *name; enum scenario_set set; const char *fits; } outages[] = {
	{ "slow", SET_QUICK, "thmmprs" }, { "lossy", SET_DEFAULT, "thmmprs" },
	{ "brownout", SET_ALL, "thmmprs" }, { "deadlock", SET_DEFAULT, "mp" },
	{ "overloaded", SET_DEFAULT, "hmmprs" }, { "full", SET_DEFAULT, "mmprs" },
	{ "disk_full", SET_ALL, "hmprs" }, { "read_only", SET_DEFAULT, "hmpr" },
	{ "demoted", SET_DEFAULT, "mpr" }, { "failover", SET_DEFAULT, "mpr" },
	{ "idle_closed", SET_DEFAULT, "thmmprs" }, { "restart", SET_QUICK, "thmmprs" },
	{ "crash", SET_DEFAULT, "thmmprs" }, { "blackout", SET_QUICK, "thmmprs" },
	{ "flapping", SET_ALL, "thmmprs" }, { "hang", SET_QUICK, "thmmprs" },
	{ "half_open", SET_DEFAULT, "thmmprs" }, { "blackhole", SET_ALL, "thmmprs" },
	{ "tls_stall", SET_DEFAULT, "" },       /* on proxies with client_tls */
	{ "lost_reply", SET_DEFAULT, "hmprs" }, { "cold_cache", SET_DEFAULT, "mr" },
	{ "cut_reply", SET_ALL, "thmmprs" }, { "corrupt", SET_ALL, "thmmprs" },
	{ "credentials", SET_ALL, "mmprs" }, { "certificate_expired", SET_DEFAULT, "" },
	{ "rolling-restart", SET_NAMED, "thmmprs" },
	{ "pool-exhaustion", SET_NAMED, "thmmprs" }, { "retry-storm", SET_NAMED, "mmprs" },
	{ "gray", SET_NAMED, "hmmpr" },
};

static void test_built_in(void **state)
{
	struct scenarios *all = scenarios_make();
	char fits[PROTOCOLS + 1], why[ERROR_MAX];

	assert_int_equal(all->n, sizeof outages / sizeof outages[0]);
	for (size_t i = 0; i < all->n; i++) {
		const struct scenario *s = all->at[i];
		size_t n = 0;
		assert_string_equal(s->name, outages[i].name);
		assert_int_equal(s->set, outages[i].set);
		assert_true(s->built_in && *s->question && *s->summary && *s->group);
		for (size_t k = 0; k < PROTOCOLS; k++) {
			struct scenario_proxy proxy = proxy_of("it", protocols[k]);
			if (scenario_fits(all, s, &proxy, why))
				fits[n++] = *protocols[k];
		}
		fits[n] = '\0';
		if (strcmp(fits, outages[i].fits) != 0)
			fail_msg("%s fits %s, expected %s", s->name, fits, outages[i].fits);
	}
	scenarios_free(all);
}

/* ---- files ---- */

static char error[1024];

static struct scenarios *file_read(const char *text)
{
	char name[] = "/tmp/vaurien-scenario-XXXXXX";
	int fd = mkstemp(name);
	struct scenarios *all = scenarios_make();
	size_t n, length = strlen(text);

	assert_true(fd >= 0 && write(fd, text, length) == (ssize_t)length);
	close(fd);
	*error = '\0';
	error_capture(error, sizeof error);
	int code = scenarios_read(all, name, &n);
	error_capture(NULL, 0);
	unlink(name);
	if (code == -1)
		return all;
	scenarios_free(all);
	return NULL;
}

static void refused(const char *text, const char *with)
{
	struct scenarios *all = file_read(text);

	if (all || !strstr(error, with))
		fail_msg("%s\nis refused with: %s\nexpected: %s", text, error, with);
}

#define HEAD "[scenario:one]\n[phase:a]\n"

static void test_mistakes(void **state)
{
	refused(HEAD "rule = delay slep=1s\nfor = 1s\n", ":3: slep: delay has no such option");
	refused(HEAD "rule = dely\n",
	        ":3: rule: expected the name of a behavior first, got 'dely'; did "
	        "you mean 'delay'?");
	refused(HEAD "rule = error failure=shuting_down\nfor = 1s\n",
	        ":3: failure: no protocol has 'shuting_down'; did you mean 'shutting_down'?");
	refused(HEAD "rule = error failure=busy | clos\nfor = 1s\n",
	        ":3: failure: no protocol has 'clos'");
	refused(HEAD "rule = delay | clos\nfor = 1s\n", ":3: rule: expected a behavior behind '|'");
	refused(HEAD "rule = | close\n", ":3: rule: expected a behavior before '|'");
	refused(HEAD "rule = close |\n", ":3: rule: expected a choice behind '|'");
	refused(HEAD "rule = close name=x\n", ":3: rule: expected no 'name'");
	refused(HEAD "rule = close ttl=5s\n", ":3: rule: expected no 'ttl', 'for' is how long");
	refused(HEAD "rule = delay sleep=1s\n", ":2: [phase:a]: expected 'for' beside 'rule': no "
	        "fault is without an end");
	refused(HEAD "rulle = close\n",
	        ":3: unknown key 'rulle' in section [phase:a]; did you mean 'rule'?");
	refused(HEAD "for = soon\n", ":3: for: expected a time, such as 300ms, 2s, T or H, got "
	        "'soon'");
	refused(HEAD "for = 1s\nfor = 2s\n", ":4: for: expected it once, it is in line 3 already");
	refused(HEAD "for = 1s\nuntil = probes\n", ":4: until: expected one of = != < <= > >=");
	refused(HEAD "for = 1s\nexpect = ever\n", ":4: expect: expected a metric");
	refused(HEAD "until = probes = ok\ndo = close\n", ":2: [phase:a]: expected 'for' beside "
	        "'until'");
	refused(HEAD "do = close\nexpect = probes = ok\n", ":2: [phase:a]: expected 'for' beside "
	        "'expect'");
	refused(HEAD "for = 1s\nwithin = 2s\n", "expected 'when' beside 'within'");
	refused(HEAD "for = 1s\nafter = 2s\nat = 2s\n", "expected 'after' or 'at', got both");
	refused(HEAD "for = 1s\nrepeat = 2\n", "expected 'use' beside 'repeat'");
	refused(HEAD "use = restart\nrepeat = 0\n", ":4: repeat: expected a number from 1 to 1000");
	refused(HEAD "use = restart\nrule = close\nfor = 1s\n",
	        "expected 'rule' or 'use', got both");
	refused(HEAD "meanwhile = true\n", "[phase:a]: expected 'for', 'use' or 'do'");
	refused(HEAD "do = clse\n", ":3: do: expected one of close, reset");
	refused(HEAD "do = backend\n", ":3: do: expected HOST:PORT behind 'backend'");
	refused(HEAD "do = backend nowhere\n", ":3: do: ");
	refused(HEAD "do = close all\n", ":3: do: expected nothing behind 'close'");
	refused(HEAD "meanwhile = maybe\n", ":3: meanwhile: expected true or false, got 'maybe'");
	refused("[phase:a]\nfor = 1s\n", ":1: expected a section [scenario:NAME] above [phase:a]");
	refused("[scenario:one]\nquestion = Why?\n", ":1: [scenario:one]: expected a [phase:NAME] "
	        "below it");
	refused(HEAD "for = 1s\n[phase:a]\nfor = 1s\n", ":4: expected another name, [phase:a] of "
	        "this scenario is in line 2 already");
	refused(HEAD "for = 1s\n[scenario:one]\n",
	        ":4: expected another name, [scenario:one] is in");
	refused("[scenario:a b]\n", ":1: expected a name of letters, digits, - and _, got 'a b'");
	refused("[senario:one]\n", ":1: unknown section [senario:one]; expected [scenario:NAME] or "
	        "[phase:NAME]; did you mean 'scenario'?");
	refused("[scenario]\n", ":1: expected a name, as in [scenario:NAME]");
	refused("[scenario:one]\ncure = pray\n", ":2: cure: expected one of reconnect, got 'pray'");
	refused("[scenario:one]\ncure = reconnect\n[phase:a]\nfor = 1s\n",
	        "expected a 'rule' in the last phase");
	refused("[scenario:one]\nneeds = write\n", "did you mean 'writes'?");
	refused("[scenario:one]\nprotocols = mysql postgre\n", "did you mean 'postgres'?");
	refused("[scenario:one]\nquestion = ${NOT_SET_AT_ALL}\n", ":2: question: expected "
	        "${NOT_SET_AT_ALL} to be in the environment");
	refused("for = 1s\n", ":1: expected a section, such as [scenario:NAME], above it");
}

static void test_beside_a_configuration(void **state)
{
	struct scenarios *all = file_read("[vaurien]\nprotocol = redis\n[probe:front]\n"
	                                  "url = http://localhost/\n[scenario:mine]\n[probe:b]\n"
	                                  "url = x\n[phase:a]\nfor = 1s\n[audit]\n"
	                                  "faults = quick\n");

	assert_non_null(all);
	assert_non_null(scenario_find(all, "mine"));
	assert_int_equal(scenario_find(all, "mine")->n_phases, 1);
	scenarios_free(all);
}

static void test_own_before_built_in(void **state)
{
	struct scenarios *all = file_read("[scenario:restart]\n[phase:a]\nrule = refuse\n"
	                                  "for = T\n");

	assert_non_null(all);
	assert_false(scenario_find(all, "restart")->built_in);
	scenarios_free(all);
}

/* ---- scripts ---- */

static struct scenario_proxy two[2];
static const char *const probes[] = { "front" };

static struct scenario_world world_of_two(void)
{
	two[0] = proxy_of("db", "mysql");
	two[1] = proxy_of("cache", "redis");
	return (struct scenario_world){ 2, two, 1, probes, { 3, 7 }, NULL };
}

static void test_choices(void **state)
{
	struct phase_rule rule;
	struct span_times times = { 3, 7 };
	struct scenario_proxy redis = proxy_of("cache", "redis"), tcp = proxy_of("raw", "tcp");
	char why[ERROR_MAX], *words;

	assert_true(phase_rule_read(&rule, "error failure=query_timeout | busy times=3 | delay "
	                            "sleep=T", why));
	assert_int_equal(rule.n, 3);
	assert_string_equal(rule.choices[0], "error failure=query_timeout times=3");
	words = phase_rule_choose(&rule, &redis, &times, NULL, why);
	assert_string_equal(words, "error failure=busy times=3");
	free(words);
	words = phase_rule_choose(&rule, &tcp, &times, "10.0.0.0/8", why);
	assert_string_equal(words, "delay sleep=3s client=10.0.0.0/8");
	free(words);
	phase_rule_free(&rule);

	assert_true(phase_rule_read(&rule, "delay match='a | b' sleep=H", why));
	assert_int_equal(rule.n, 1);
	phase_rule_free(&rule);

	assert_true(phase_rule_read(&rule, "vanish | stall", why));
	tcp.vanishes = false;
	words = phase_rule_choose(&rule, &tcp, &times, NULL, why);
	assert_string_equal(words, "stall");
	free(words);
	phase_rule_free(&rule);

	assert_true(phase_rule_read(&rule, "refuse", why));
	words = phase_rule_choose(&rule, &tcp, &times, "::1/128", why);
	assert_string_equal(words, "reset connections=new client=::1/128");
	free(words);
	phase_rule_free(&rule);
}

static void script_refused(const char *text, const char *with)
{
	struct scenario_world world = world_of_two();
	struct scenarios *all = file_read(text);
	char why[ERROR_MAX] = "";

	if (!all)
		fail_msg("%s", error);
	const struct scenario *one = scenario_find(all, "one");
	struct script *script = scenario_script_make(all, one, &world, &two[0], why);
	if (script || !strstr(why, with))
		fail_msg("%s\nis refused with: %s", text, why);
	scenarios_free(all);
}

static void test_scripts_refused(void **state)
{
	script_refused("[scenario:one]\nproxy = cahe\n[phase:a]\nfor = 1s\n",
	               ":2: proxy: there is no proxy 'cahe'; expected one of db, cache; did you "
	               "mean 'cache'?");
	script_refused(HEAD "use = restrt\n",
	               ":3: use: there is no scenario 'restrt'; did you mean 'restart'?");
	script_refused(HEAD "use = one\n", ":3: use: 'one' uses this scenario in turn, expected no "
	               "circle");
	script_refused(HEAD "use = other\n[scenario:other]\n[phase:b]\nuse = one\n",
	               ":6: use: 'one'");
	script_refused(HEAD "rule = error failure=busy\nfor = 1s\n", ":3: proxy 'db' (mysql): "
	               "failure: 'busy' is not a failure of mysql");
	script_refused(HEAD "for = 1s\nexpect = probe.frnt = ok\n", ":4: expect: there is no probe "
	               "'frnt'");
	script_refused(HEAD "for = 1s\nwhen = dv:connections > 1\n", ":4: when: there is no proxy "
	               "'dv'");
	script_refused("[scenario:one]\nprotocols = redis\n[phase:a]\nfor = 1s\n",
	               ":1: proxy 'db' (mysql): one is for the protocols: redis");
	script_refused(HEAD "use = many\nrepeat = 1000\n[scenario:many]\nrepeat = 1000\n[phase:b]\n"
	               "for = 1s\n", "expected at most 20000 phases");
}

static void test_script(void **state)
{
	struct scenario_world world = world_of_two();
	struct scenarios *all = file_read(
		"[scenario:one]\nproxy = all\nrepeat = 2\n[phase:a]\nrule = delay sleep=T\n"
		"for = H\nmeanwhile = true\n[phase:b]\nproxy = cache\nuse = restart\nrepeat = 2\n"
		"after = 1s\n");
	char why[ERROR_MAX];
	struct script *s = scenario_script_make(all, scenario_find(all, "one"), &world, NULL, why);

	assert_non_null(s);
	assert_int_equal(s->n_proxies, 2);
	assert_int_equal(s->n_tracks, 2);
	const struct script_phase *a = &s->tracks[1].phases[0], *b = &s->tracks[1].phases[1];
	assert_string_equal(a->name, "2.a");
	assert_int_equal(a->n_rules, 2);
	assert_string_equal(a->rules[1].words, "delay sleep=3s");
	assert_string_equal(a->rules[1].proxy->name, "cache");
	assert_int_equal(b->n_tracks, 2);
	assert_true(b->faulty);
	assert_string_equal(b->tracks[1].phases[3].name, "2.b.2.starts");
	assert_int_equal(b->tracks[1].phases[3].n_rules, 1);
	assert_string_equal(b->tracks[1].phases[3].rules[0].words, "error failure=starting_up");
	assert_true(s->lasts > 23.99 && s->lasts < 24.01);      /* 2 times 1 s and 2 restarts */
	scenario_script_free(s);

	s = scenario_script_make(all, scenario_find(all, "rolling-restart"), &world, NULL, why);
	assert_non_null(s);
	assert_int_equal(s->n_tracks, 2);
	assert_string_equal(s->tracks[1].phases[0].name, "cache.restart");
	assert_int_equal(s->tracks[1].phases[0].n_proxies, 1);
	scenario_script_free(s);

	two[0].injected = false;
	s = scenario_script_make(all, scenario_find(all, "rolling-restart"), &world, NULL, why);
	assert_int_equal(s->n_tracks, 1);
	scenario_script_free(s);
	scenarios_free(all);
}

/* What --show prints is a file that can be read again, for every outage and protocol. */
static void test_show(void **state)
{
	struct scenarios *all = scenarios_make();
	char why[ERROR_MAX];

	for (size_t i = 0; i < all->n; i++)
		for (size_t k = 0; k < PROTOCOLS; k++) {
			struct scenario_proxy proxy = proxy_of("it", protocols[k]);
			char *text;
			size_t n;
			FILE *to = open_memstream(&text, &n);
			bool fits = scenario_fits(all, all->at[i], &proxy, why);
			proxy.tls = !fits;      /* an outage of TLS is shown, too */
			fits = fits || scenario_fits(all, all->at[i], &proxy, why);
			assert_int_equal(fits, scenario_show(all, all->at[i], proxy.protocol, to,
			                                     why));
			fclose(to);
			struct scenarios *again = fits ? file_read(text) : NULL;
			if (fits && !again)
				fail_msg("%s: %s\n%s", protocols[k], error, text);
			if (again)
				scenarios_free(again);
			free(text);
		}
	scenarios_free(all);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_built_in),
	cmocka_unit_test(test_mistakes),
	cmocka_unit_test(test_beside_a_configuration),
	cmocka_unit_test(test_own_before_built_in),
	cmocka_unit_test(test_choices),
	cmocka_unit_test(test_scripts_refused),
	cmocka_unit_test(test_script),
	cmocka_unit_test(test_show),
};

SUITE(audit_scenario, tests)
