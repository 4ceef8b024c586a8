/* suggest.c - tests of the name that an unknown word may have meant, and of lists of names. */
#include "base/suggest.h"

#include <string.h>

#include "base/text.h"
#include "unit.h"

static const char *const known[] = {
	"delay",      "dummy",      "error",        "hang", "limit_data",
	"limit_time", "slow_close", "slow_connect", NULL,
};

static const char *meant(const char *word)
{
	struct suggestion s = { .word = word };

	for (size_t i = 0; known[i]; i++)
		suggest_try(&s, known[i]);
	return s.name;
}

static void near(void **state)
{
	static const struct { const char *word, *name;
	} cases[] = {
		{ "dely", "delay" },
		{ "dleay", "delay" },
		{ "DELAY", "delay" },
		{ "deelay", "delay" },
		{ "errror", "error" },
		{ "limit-dat", "limit_data" },
		{ "limit time", "limit_time" },
		{ "slow_conect", "slow_connect" },
		{ "close", "slow_close" },
		{ "connect", "slow_connect" },
		{ "hangs", "hang" },
		{ "", NULL },
		{ "x", NULL },
		{ "zzzzz", NULL },
		{ "nope", NULL },
		{ "blackout", NULL },
	};
	char text[SUGGEST_MAX], big[200];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *name = meant(cases[i].word);
		if (!name != !cases[i].name || (name && strcmp(name, cases[i].name)))
			fail_msg("%s: %s", cases[i].word, name ? name : "none");
	}
	memset(big, 'a', sizeof big);
	big[sizeof big - 1] = 0;
	assert_null(meant(big));
	struct suggestion s = { .word = "dely" };
	assert_string_equal(suggest_show(&s, "--", text), "");
	suggest_try(&s, "delay");
	assert_string_equal(suggest_show(&s, "--", text), "; did you mean '--delay'?");
	struct suggestion all = { .word = big + 140 };
	suggest_try(&all, big + 140);
	assert_true(strlen(suggest_show(&all, "--", text)) < SUGGEST_MAX);
}

/* A number, a version and a short word are what they are: no typos of each other. */
static void kinds(void **state)
{
	static const struct { const char *word, *name; bool near;
	} cases[] = {
		{ "1.5", "1.2", false },
		{ "1.0.1", "1.0", false },
		{ "TLS1.4", "1.3", false },
		{ "13", "1.3", true },
		{ "db3", "db1", false },
		{ "localhost:3305", "localhost:3306", true },
		{ "localhost:3360", "localhost:3306", true },
		{ "dsa", "rsa", false },
		{ "dsa", "ecdsa", false },
		{ "ras", "rsa", true },
		{ "rsaa", "rsa", true },
		{ "no", "on", true },
		{ "onn", "on", true },
		{ "behavior", "set-behavior", true },
		{ "cert", "certificate", true },
		{ "client_tls_versions", "client_tls_verify", false },
		{ "client_tls_cret", "client_tls_cert", true },
		{ "client_tls_mn", "client_tls_min", true },
		{ "clinet_tls", "client_tls", true },
		{ "client_tls_", "client_tls", true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct suggestion s = { .word = cases[i].word };
		suggest_try(&s, cases[i].name);
		if (!s.name != !cases[i].near)
			fail_msg("%s: %s", cases[i].word, s.name ? s.name : "none");
	}
}

/* A list ends at a whole name, whatever its room. */
static void lists(void **state)
{
	char text[300];

	for (size_t size = 80; size <= sizeof text; size++) {
		struct name_list list = { text, size, 0 };
		text[0] = 0;
		for (unsigned i = 0; i < 100; i++)
			name_list_add(&list, i % 2 ? "even" : "odd_one");
		name_list_end(&list, "vaurien --list failures");
		assert_true(strlen(text) < size);
		assert_non_null(strstr(text, ", and "));
		assert_string_equal(text + strlen(text) - 34, " more; see vaurien --list failures");
	}
	struct name_list list = { text, sizeof text, 0 };
	text[0] = 0;
	name_list_end(&list, "x");
	assert_string_equal(text, "");
	name_list_add(&list, "a");
	name_list_add(&list, "b");
	name_list_end(&list, "x");
	assert_string_equal(text, "a, b");
}

static const struct CMUnitTest tests[] = { cmocka_unit_test(near),
		cmocka_unit_test(kinds), cmocka_unit_test(lists) };

SUITE(suggest, tests)
