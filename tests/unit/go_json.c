/* go_json.c - tests of JSON as Go reads and writes it. (What is wrong with a body is in
 * tests/scenarios/test_toxiproxy_api.py.) */
#include "toxiproxy/go_json.h"

#include <stdlib.h>
#include <string.h>

#include "toxiproxy/proxy_json.h"
#include "unit.h"

/* Read and written again. */
static void same(const char *text, const char *shown)
{
	char error[GO_ERROR];
	json_t *value = go_read(text, strlen(text), error);

	if (!value)
		fail_msg("%s: %s", text, error);
	char *now = go_write(value, NULL);
	assert_string_equal(now, shown);
	free(now);
	json_decref(value);
}

static void numbers(void **state)
{
	same("[0, -0, 1.0, 100, 1e2, -7]", "[0,0,1,100,100,-7]");
	same("[0.1, 0.30000000000000004, 1e-6, 1e-7, 123456789.125]",
	     "[0.1,0.30000000000000004,0.000001,1e-7,123456789.125]");
	same("[1e20, 1e21, 1.5e300, 1e-10, 5e-324]",
	     "[100000000000000000000,1e+21,1.5e+300,1e-10,5e-324]");
	same("[9223372036854775807, 9223372036854775808, -9223372036854775808]",
	     "[9223372036854775807,9223372036854775808,-9223372036854775808]");
}

static void singles(void **state)
{
	static const struct { double given; const char *shown;
	} all[] = {
		{ 1.0 / 3, "0.33333334" },
		{ 1e-9, "1e-9" },
		{ 0.1, "0.1" },
		{ 1, "1" },
		{ 0, "0" },
		{ -2, "-2" },
		{ 16777217, "16777216" },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		json_t *real = json_real(go_float32(all[i].given));
		char *shown = go_write(real, NULL);
		assert_string_equal(shown, all[i].shown);
		free(shown);
		json_decref(real);
	}
}

static void texts(void **state)
{
	same("\"<>&\\u2028\\u2029\\u00fc\\n\\r\\t\\u0001\\\"\\\\\\/\"",
	     "\"\\u003c\\u003e\\u0026\\u2028\\u2029\303\274\\n\\r\\t\\u0001\\\"\\\\/\"");
	same("\"\\ud83d\\ude00 \\ud83d \\ude00\"",
	     "\"\360\237\230\200 \357\277\275 \357\277\275\"");
	same("\"\377\"", "\"\357\277\275\"");
}

static void objects(void **state)
{
	char error[GO_ERROR];
	static const char text[] = "{\"a\":1,\"b\":2,\"a\":3} and more";
	json_t *value = go_read(text, sizeof text - 1, error);

	same(text, "{\"b\":2,\"a\":3}");
	assert_int_equal(json_integer_value(go_get(value, "A")), 3);
	assert_null(go_get(value, "c"));
	json_decref(value);
	same("[{}, [], null, true, false]", "[{},[],null,true,false]");
}

static void deep(void **state)
{
	char text[4000], error[GO_ERROR];

	memset(text, '[', sizeof text);
	assert_null(go_read(text, sizeof text, error));
	assert_string_equal(error, "exceeded max depth");
}

static void addresses(void **state)
{
	static const struct { const char *given, *text, *error;
	} all[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", NULL },
		{ "localhost:http", "localhost:80", NULL },
		{ "[::1]:80", "[::1]:80", NULL },
		{ "127.0.0.1:", "127.0.0.1:0", NULL },
		{ "unix:/tmp/x", "unix:/tmp/x", NULL },
		{ "localhost", NULL, "address localhost: missing port in address" },
		{ "[::1]", NULL, "address [::1]: missing port in address" },
		{ "::1:80", NULL, "address ::1:80: too many colons in address" },
		{ "[::1", NULL, "address [::1: missing ']' in address" },
		{ "[::1:80", NULL, "address [::1:80: missing ']' in address" },
		{ "[::1]x:80", NULL, "address [::1]x:80: missing port in address" },
		{ "h:65536", NULL, "address 65536: invalid port" },
		{ "h:-1", NULL, "address -1: invalid port" },
		{ "h:nope", NULL, "lookup tcp/nope: unknown port" },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct address a;
		char error[GO_ERROR] = "";
		bool good = proxy_request_address(all[i].given, false, &a, error);
		if (good != !all[i].error ||
		    strcmp(good ? a.text : error, good ? all[i].text : all[i].error))
			fail_msg("%s: %s", all[i].given, good ? a.text : error);
		if (good)
			address_free(&a);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(numbers), cmocka_unit_test(singles), cmocka_unit_test(texts),
	cmocka_unit_test(objects), cmocka_unit_test(deep),    cmocka_unit_test(addresses),
};

SUITE(go, tests)
