/* regex.c - tests of matches: what is found, what is refused and where, and that no pattern takes
 * long. */
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
	bool yes = (nearly ? regex_match_icase(p, s) : regex_match(p, s)) == REGEX_YES;
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
		/* a dot is any character */
		{ "^QUERY SELECT.*WHERE", "QUERY SELECT *\nFROM t\nWHERE 1", true, true },
		/* ... and a text one line */
		{ "^FROM", "QUERY SELECT *\nFROM t", false, false },
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
	assert_int_equal(regex_match(p, (struct vn_span){ raw, sizeof raw - 1 }), REGEX_YES);
	assert_int_equal(regex_match(p, (struct vn_span){ raw, 6 }), REGEX_NO);
	regex_free(p);
	p = regex_make("^SET \\xff\\x00k");
	assert_int_equal(regex_match(p, (struct vn_span){ raw, sizeof raw - 1 }), REGEX_YES);
	regex_free(p);
	regex_free(NULL);
}

static void refused(void **state)
{
	static const struct { const char *pattern; int offset;
	} bad[] = {
		{ "(", 1 },  { "abc)", 3 },  { "[a", 2 },       { "a**(", 2 },
		{ "\\", 1 }, { "(?<n>", 5 }, { "x(*NOPE)", 7 },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char error[ERROR_MAX] = "";
		int offset = -1, used = 0;
		assert_false(regex_check(bad[i].pattern, error));
		sscanf(error, "match: expected a regular expression; at offset %d: %n", &offset,
		       &used);
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

/* Patterns that try everything give up within their budget, and say so: whatever the text's
 * length. */
static void no_pattern_takes_long(void **state)
{
	static const char *const hungry[] = {
		"(a+)+$",
		"(a|aa)+$",
		"(a|a?)+[bc]$",
		"^(([a-z])+.)+[A-Z]([a-z])+$",
		"(.*)*(.*)*(.*)*x",
		"(\\w{1,30}-?){1,3}\\d",
		"a{0,44}a{0,44}a{0,44}[bc]",
		"(?:a|aa)+=END",
		"q=.*x.*y.*z.*END",
		"(?:a?){60}b",
		"(?=(a+)+b)c",
		"((a*)*)*b",
	};
	enum { LONG = 16384 };
	uint8_t *text = malloc(LONG);
	memset(text, 'a', LONG);
	for (size_t i = 0; i < sizeof hungry / sizeof hungry[0]; i++)
		for (size_t n = 40; n <= LONG; n = n < 1000 ? 1000 : n * 16 + 384) {
			struct regex *p = regex_make(hungry[i]);
			text[n - 1] = '!';
			for (int icase = 0; icase < 2; icase++) {
				double start = seconds();
				struct vn_span s = { text, n };
				assert_int_not_equal(
					icase ? regex_match_icase(p, s) : regex_match(p, s),
					REGEX_YES);
				if (seconds() - start > 0.05)
					fail_msg("%s on %zu bytes took %.3f s", hungry[i], n,
					         seconds() - start);
			}
			text[n - 1] = 'a';
			regex_free(p);
		}
	free(text);
}

/* What could not be searched is not taken for "not there"; what is found in spite of it is
 * found. */
static void giving_up_is_no_answer(void **state)
{
	struct regex *p = regex_make("(?:a|aa)+=END");
	char text[200];

	memset(text, 'a', sizeof text);
	memcpy(text + 60, "b aa=END", 8);
	assert_int_equal(regex_match(p, (struct vn_span){ (uint8_t *)text, 68 }), REGEX_YES);
	memcpy(text + 60, "b b=END", 7);
	assert_int_equal(regex_match(p, (struct vn_span){ (uint8_t *)text, 67 }), REGEX_GAVE_UP);
	assert_int_equal(regex_match(p, (struct vn_span){ (uint8_t *)"aaab", 4 }), REGEX_NO);
	regex_free(p);
}

/* A match that begins or ends at the edge of a slice is found; so is a look at what is before
 * it. */
static void edges_of_slices(void **state)
{
	static const char *const patterns[] = { "key", "(?<=-)key", "\\bkey\\b", "k(?=ey$)" };
	char text[1100];

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct regex *p = regex_make(patterns[i]);
		for (size_t at = 1; at + 3 < sizeof text; at++) {
			memset(text, '-', sizeof text);
			memcpy(text + at, "key", 3);
			struct vn_span s = { (uint8_t *)text, i == 3 ? at + 3 : sizeof text };
			if (regex_match(p, s) != REGEX_YES)
				fail_msg("%s at %zu", patterns[i], at);
		}
		regex_free(p);
	}
}

static void too_large(void **state)
{
	char error[ERROR_MAX], text[5000];

	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = 0;
	assert_false(regex_check(text, error));
	assert_string_equal(error,
	                    "match: expected a regular expression of at most 4096 bytes, got 4999");
	assert_false(regex_check("((a{1,500}){1,500}b){1,9}", error));
	assert_true(regex_check("(\\w{1,30}-?){1,3}\\d", error));
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
	assert_int_equal(regex_match(p, (struct vn_span){ text, LONG }), REGEX_YES);
	regex_free(p);
	free(text);
}

/* Of a text whose beginning is known. */
static void never(void **state)
{
	static const char *const yes[] = { "^GET", "^GET|^HELLO$", "\\Ahello ", "^HELLOx", "^$",
		                           "^[^H]" };
	static const char *const no[] = { "^HELLO x", "^HELLO", "GET", "^GET|db", ".*db", "^.{9}",
		                          "(?i)^hello", "(?m)^GET", "", "^(?=HELLO \\w)", "$",
		                          "^HELLO (?:db|x){2}", "^(H)ELLO \\1", "^.{6}x",
		                          "^\\w+ \\S+ h2",
		                          "^HELL(?!x)", "^[A-Z ]{30}", "^(?:HELLO ){2}" };

	for (unsigned i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (!regex_never(yes[i], "HELLO "))
			fail_msg("'%s' is taken for one that may find it", yes[i]);
	for (unsigned i = 0; i < sizeof no / sizeof no[0]; i++)
		if (regex_never(no[i], "HELLO "))
			fail_msg("'%s' is taken for one that never finds it", no[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(finds),           cmocka_unit_test(bytes),
	cmocka_unit_test(refused),         cmocka_unit_test(no_pattern_takes_long),
	cmocka_unit_test(a_long_subject),  cmocka_unit_test(giving_up_is_no_answer),
	cmocka_unit_test(edges_of_slices), cmocka_unit_test(too_large),
	cmocka_unit_test(never),
};

SUITE(pattern, tests)
