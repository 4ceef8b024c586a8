/* audit_probe_words.c - tests of probes as they are written. */
#include "audit/probe_words.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* The name and what is asked; or the sentence. */
static void reads(void **state)
{
	static const struct { const char *text, *name, *what; } cases[] = {
		{ "front=http://localhost:5000/", "front", "GET http://localhost:5000/" },
		{ "http://localhost:5000/", "localhost", "GET http://localhost:5000/" },
		{ "http://h/orders/tea?x=1", "orders-tea", "GET http://h/orders/tea?x=1" },
		{ "https://h method=POST", "h", "POST https://h/" },
		{ "http://user:pass@h/", "h", "GET http://h/" },
		{ "mail=sh: ./send-mail.sh me", "mail", "sh: ./send-mail.sh me" },
		{ "sh: ./send-mail.sh a=b", "send-mail-sh", "sh: ./send-mail.sh a=b" },
		{ "sh:true", "true", "sh: true" },
		{ "a-b_1=http://h/", "a-b_1", "GET http://h/" },
	};
	char error[ERROR_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct probe_words p;
		if (!probe_words_read(&p, cases[i].text, error) || !probe_words_finish(&p, error))
			fail_msg("%s: %s", cases[i].text, error);
		char *what = probe_words_what(&p);
		if (strcmp(what, cases[i].what) || strcmp(p.name, cases[i].name))
			fail_msg("%s: '%s' '%s'", cases[i].text, p.name, what);
		free(what);
		probe_words_free(&p);
	}
}

static void refuses(void **state)
{
	static const struct { const char *text, *sentence; } cases[] = {
		{ "", "expected [NAME=]http://" },
		{ "front", "expected [NAME=]http://" },
		{ "front=ftp://h/", "expected [NAME=]http://" },
		{ "http://h/ word", "expected word=value, got 'word'" },
		{ "http://h/ withn=1s", "did you mean 'within'?" },
		{ "http://h/ within=soon", "within: expected a number of seconds" },
		{ "http://h/ within=0", "within: expected a number of seconds" },
		{ "http://h/ status=2xy", "status: expected codes and classes" },
		{ "http://h/ status=600", "status: expected codes and classes" },
		{ "http://h/ header=nothing", "header: expected NAME: VALUE" },
		{ "http://h/ method=P()", "method: expected a word" },
		{ "http://h/ expect=fails", "expect: expected any, works or works:PROXY" },
		{ "http://h/ body=@/no/such/file", "body: cannot read '/no/such/file'" },
		{ "http://h/ contains='open", "'" },
		{ "a.b=http://h/", "expected a name of letters, digits, - and _" },
		{ "sh:", "expected a url or a command" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct probe_words p;
		char error[ERROR_MAX] = "";
		if (probe_words_read(&p, cases[i].text, error)) {
			if (probe_words_finish(&p, error))
				fail_msg("%s: accepted", cases[i].text);
			probe_words_free(&p);
		}
		if (!strstr(error, cases[i].sentence))
			fail_msg("%s: %s", cases[i].text, error);
	}
}

static void words(void **state)
{
	struct probe_words p;
	char error[ERROR_MAX];

	assert_true(probe_words_read(&p, "x=http://h/ status=404,5xx header='A: b c' header=D:e "
	                             "contains='two words' lacks=x timeout=250ms body=text "
	                             "insecure=yes", error));
	assert_true(probe_words_finish(&p, error));
	const struct probe_values *v = probe_values(&p);
	assert_true(p.statuses[404] && p.statuses[500] && p.statuses[599]);
	assert_false(p.statuses[200] || p.statuses[403]);
	assert_int_equal(p.headers.n, 2);
	assert_string_equal(p.headers.at[0], "A: b c");
	assert_string_equal(p.contains.at[0], "two words");
	assert_int_equal(v->timeout, 250 * VN_MS);
	assert_true(v->insecure && p.body_size == 4);
	probe_words_free(&p);
}

static bool join(void *user, const char *word)
{
	strcat(strcat(user, "<"), word);
	return strcmp(word, "stop");
}

static void lists(void **state)
{
	char text[100] = "";

	assert_true(list_each("a, b ,c d,", join, text));
	assert_string_equal(text, "<a<b<c d");
	assert_false(list_each("a,stop,b", join, text));
	assert_string_equal(text, "<a<b<c d<a<stop");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(reads), cmocka_unit_test(refuses), cmocka_unit_test(words),
	cmocka_unit_test(lists),
};

SUITE(audit_probe_words, tests)
