/* pattern.c - tests of matches: what is found, what is refused and where, and that no pattern takes long. */
#include "base/regex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unit.h"

static bool found(const char *pattern, const char *text, bool nearly)
{
	char error[ERROR_MAX] = "";
	if (!regex_check(pattern, error))
		fail_msg("%s: %s", pattern, error);
	struct regex *p = regex_make(pattern);
	struct vn_span s = { (const uint8_t *)text, strlen(text) };
	bool yes = nearly ? regex_match_icase(p, s) : regex_match(p, s);
	regex_free(p);
	return yes;
}

static void finds(void **state)
{
	static const struct { const char *pattern, *text; bool exactly, nearly; } cases[] = {
		{ "^QUERY UPDATE", "QUERY UPDATE t SET a = 1", true, true },
		{ "^QUERY UPDATE", "QUERY update t SET a = 1", false, true },
		{ "^(?i)query update", "QUERY Update t", true, true },
		{ "^QUERY (?i)update", "QUERY Update t", true, true },
		{ "^QUERY (?i)update", "Query Update t", false, true },
		{ "^UPDATE", "QUERY UPDATE t", false, false },
		{ "UPDATE", "QUERY UPDATE t", true, true },
		{ "^(QUERY|EXECUTE) SELECT", "EXECUTE SELECT 1", true, true },
		{ "^QUERY SELECT.*WHERE", "QUERY SELECT *\nFROM t\nWHERE 1", true, true },      /* a dot is any character */
		{ "^FROM", "QUERY SELECT *\nFROM t", false, false },                            /* ... and a text one line */
		{ "", "PING", true, true },
		{ "^$", "", true, true },
		{ "^PING$", "PING", true, true },
		{ "\\bGET\\b", "GET /a", true, true },
		{ "a(?=b)", "ac", false, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (found(cases[i].pattern, cases[i].text, false) != cases[i].exactly ||
		    found(cases[i].pattern, cases[i].text, true) != cases[i].nearly)
			fail_msg("%s in %s", cases[i].pattern, cases[i].text);
}

/* A subject is bytes: not text of one encoding, and a zero among them ends nothing. */
static void bytes(void **state)
{
	static const uint8_t raw[] = "SET \xff\0key";
	struct regex *p = regex_make("key$");
	assert_true(regex_match(p, (struct vn_span){ raw, sizeof raw - 1 }));
	assert_false(regex_match(p, (struct vn_span){ raw, 6 }));
	regex_free(p);
	p = regex_make("^SET \\xff\\x00k");
	assert_true(regex_match(p, (struct vn_span){ raw, sizeof raw - 1 }));
	regex_free(p);
	regex_free(NULL);
}

static void refused(void **state)
{
	static const struct { const char *pattern; int offset; } bad[] = {
		{ "(", 1 }, { "abc)", 3 }, { "[a", 2 }, { "a**(", 2 }, { "\\", 1 }, { "(?<n>", 5 }, { "x(*NOPE)", 7 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char error[ERROR_MAX] = "";
		int offset = -1, used = 0;
		assert_false(regex_check(bad[i].pattern, error));
		sscanf(error, "match: expected a regular expression; at offset %d: %n", &offset, &used);
		if (!used || !error[used] || abs(offset - bad[i].offset) > 1)
			fail_msg("%s: %s", bad[i].pattern, error);
	}
}

/* Of this thread's own work: a busy machine's do not count. */
static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Patterns that try everything give up: what they look for is then not found. */
static void no_pattern_takes_long(void **state)
{
	static const char *const hungry[] = { "(a+)+$", "(a|aa)+$", "(a|a?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*(.*)*(.*)*x" };
	enum { LONG = 16384 };
	uint8_t *text = malloc(LONG);
	memset(text, 'a', LONG);
	for (size_t i = 0; i < sizeof hungry / sizeof hungry[0]; i++)
		for (size_t n = 40; n <= LONG; n = n < 1000 ? 1000 : n * 16 + 384) {
			struct regex *p = regex_make(hungry[i]);
			double start = seconds();
			text[n - 1] = '!';
			assert_false(regex_match(p, (struct vn_span){ text, n }));
			assert_false(regex_match_icase(p, (struct vn_span){ text, n }));
			text[n - 1] = 'a';
			if (seconds() - start > 2)
				fail_msg("%s on %zu bytes took %.3f s", hungry[i], n, seconds() - start);
			regex_free(p);
		}
	free(text);
}

/* Much to remember is not much work: the compiled code's small stack is not the limit. */
static void a_long_subject(void **state)
{
	enum { LONG = 16384 };
	uint8_t *text = malloc(LONG);
	struct regex *p = regex_make("^QUERY (?:x|y)*UPDATE$");
	memset(text, 'x', LONG);
	memcpy(text, "QUERY ", 6);
	memcpy(text + LONG - 6, "UPDATE", 6);
	assert_true(regex_match(p, (struct vn_span){ text, LONG }));
	regex_free(p);
	free(text);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(finds), cmocka_unit_test(bytes), cmocka_unit_test(refused), cmocka_unit_test(no_pattern_takes_long),
	cmocka_unit_test(a_long_subject),
};

SUITE(pattern, tests)
