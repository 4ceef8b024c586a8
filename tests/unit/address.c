/* address.c - tests of addresses in words and in numbers. */
#include "net/address.h"

#include <string.h>

#include "unit.h"

static void parsed(void **state)
{
	static const struct { const char *text, *host; int port; bool unix_path;
	} good[] = {
		{ "localhost:80", "localhost", 80, false },
		{ ":3306", "", 3306, false },
		{ "[::1]:3306", "::1", 3306, false },
		{ "::1:3306", "::1", 3306, false },
		{ "a.b-c_d:0", "a.b-c_d", 0, false },
		{ "1.2.3.4:65535", "1.2.3.4", 65535, false },
		{ "unix:/run/x.sock", "/run/x.sock", -1, true },
		{ "[]:1", "", 1, false },
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct address a, b;
		char error[200];
		assert_true(address_parse(&a, good[i].text, error, sizeof error));
		address_copy(&b, &a);
		assert_string_equal(a.text, good[i].text);
		address_free(&a);
		assert_string_equal(b.host, good[i].host);
		assert_int_equal(b.port, good[i].port);
		assert_int_equal(b.unix_path, good[i].unix_path);
		address_free(&b);
	}
}

static void refused(void **state)
{
	static const char *const bad[] = {
		"",         "8000",      "host",       "host:",       "host:x",  "host:80x",
		"host:-1",  "host:+1",   "host:65536", "host:000080", "[::1:80", "[:80",
		"ho st:80", "host\n:80", "h/p:80",     "a]:1",
	};
	struct address a;
	char error[200], path[200];
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (address_parse(&a, bad[i], error, sizeof error))
			fail_msg("'%s' was taken", bad[i]);
	assert_false(address_parse(&a, "8000", error, sizeof error));
	assert_string_equal(error, "expected HOST:PORT or :PORT, got '8000'");
	assert_false(address_parse(&a, "unix:", error, sizeof error));
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	memcpy(path, "unix:/", 6);
	assert_false(address_parse(&a, path, error, sizeof error));
	path[5 + 107] = '\0';
	assert_true(address_parse(&a, path, error, sizeof error));
	address_free(&a);
}

/* What `text` is in numbers; "look up" where it has to be. */
static const char *numbers(const char *text, bool listen, bool *loopback)
{
	static char shown[200];
	char error[200];
	struct address a;
	struct endpoint e;

	assert_true(address_parse(&a, text, error, sizeof error));
	bool numeric = address_numeric(&a, listen, &e);
	address_free(&a);
	if (!numeric)
		return "look up";
	*loopback = endpoint_loopback(&e);
	return endpoint_show(&e, shown, sizeof shown);
}

static void numeric(void **state)
{
	static const struct { const char *text, *listen, *attempt; bool loopback;
	} cases[] = {
		{ "localhost:1", "127.0.0.1:1", "127.0.0.1:1", true },
		{ ":2", "0.0.0.0:2", "127.0.0.1:2", true },
		{ "[]:3", "[::]:3", "[::1]:3", true },
		{ "[::1]:4", "[::1]:4", "[::1]:4", true },
		{ "10.0.0.1:5", "10.0.0.1:5", "10.0.0.1:5", false },
		{ "127.9.9.9:6", "127.9.9.9:6", "127.9.9.9:6", true },
		{ "[::ffff:127.0.0.1]:7", "[::ffff:127.0.0.1]:7", "[::ffff:127.0.0.1]:7", true },
		{ "example.org:8", "look up", "look up", false },
		{ "unix:/a", "unix:/a", "unix:/a", true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool loopback = false;
		assert_string_equal(numbers(cases[i].text, true, &loopback), cases[i].listen);
		assert_string_equal(numbers(cases[i].text, false, &loopback), cases[i].attempt);
		assert_int_equal(loopback, cases[i].loopback);
	}
}

static void keys(void **state)
{
	static const struct {
		const char *host;
		unsigned port;
		const char *key;
	} cases[] = {
		{ "10.0.0.1", 80, "10.0.0.1:80" },
		{ "localhost", 80, "127.0.0.1:80" },
		{ "LocalHost.", 80, "127.0.0.1:80" },
		{ "", 80, "127.0.0.1:80" },
		{ "::1", 80, "[::1]:80" },
		{ "[0:0::1]", 80, "[::1]:80" },
		{ "2001:DB8::00a", 80, "[2001:db8::a]:80" },
		{ "::ffff:10.0.0.1", 80, "10.0.0.1:80" },
		{ "Cache-1.Example.", 6379, "cache-1.example:6379" },
		{ "/run/redis.sock", 0, "unix:/run/redis.sock" },
		{ "unix:/run/redis.sock", 0, "unix:/run/redis.sock" },
		{ "/run/redis.sock", 1, NULL },
		{ "a", 0, NULL },
		{ "a", 65536, NULL },
		{ "a b", 80, NULL },
	};
	char key[ADDRESS_KEY_MAX], host[300];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		bool good = address_key(cases[i].host, strlen(cases[i].host), cases[i].port, key);
		assert_int_equal(good, cases[i].key != NULL);
		if (good)
			assert_string_equal(key, cases[i].key);
	}
	memset(host, 'a', sizeof host);
	assert_true(address_key(host, 255, 65535, key));
	assert_int_equal(strlen(key), 261);
	assert_false(address_key(host, 256, 1, key));
	host[0] = '/';
	assert_false(address_key(host, 108, 0, key));
	assert_true(address_key(host, 107, 0, key));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(keys),
	cmocka_unit_test(parsed), cmocka_unit_test(refused), cmocka_unit_test(numeric),
};

SUITE(address, tests)
