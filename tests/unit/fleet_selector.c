/* fleet_selector.c - selectors, limits and names of fleets; the address of a store; base64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/base64.h"
#include "fleet/selector.h"
#include "fleet/store.h"
#include "unit.h"

static void selector_reads(void **state)
{
	static const struct { const char *text; size_t n; const char *error;
	} all[] = {
		{ "", 0 },
		{ "app=shop", 1 },
		{ "app=shop,zone=a", 2 },
		{ "proxy=db*,protocol=mysql", 2 },
		{ "a.b/c-d_e=1", 1 },
		{ "app", 0, "expected NAME=VALUE" },
		{ "=x", 0, "expected NAME=VALUE" },
		{ "app=", 0, "expected NAME=VALUE" },
		{ "app=a,", 0, "behind each ','" },
		{ "app=a,,b=c", 0, "expected NAME=VALUE" },
		{ "a=1,a=2", 0, "given twice" },
		{ "a b=c", 0, "expected a name of letters" },
		{ "a=\xff", 0, "expected UTF-8" },
		{ "a=0123456789012345678901234567890123456789012345678901234567890123", 0,
		  "at most 63" },
		{ "a=,b=c", 0, "expected NAME=VALUE" },
	};
	char error[ERROR_MAX];

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		json_t *selector = selector_read(all[i].text, "select", error);
		if (all[i].error) {
			assert_null(selector);
			assert_non_null(strstr(error, all[i].error));
			assert_memory_equal(error, "select: ", 8);
		} else {
			assert_non_null(selector);
			assert_int_equal(json_object_size(selector), all[i].n);
		}
		json_decref(selector);
	}
}

static void selector_labels_have_no_words_of_selectors(void **state)
{
	char error[ERROR_MAX];

	assert_null(labels_read("app=x,proxy=y", "labels", error));
	assert_null(labels_read("protocol=y", "labels", error));
	json_t *labels = labels_read("app=x,proxies=y", "labels", error);
	assert_non_null(labels);
	json_decref(labels);
}

static void selector_fits(void **state)
{
	char error[ERROR_MAX];
	json_t *s = selector_read("app=shop,proxy=db?,protocol=mysql", "select", error);
	json_t *shop = json_pack(
		"{s:{s:s, s:s}, s:[{s:s, s:s}, {s:s, s:s}]}", "labels", "app", "shop", "zone", "a",
		"proxies", "name", "db", "protocol", "mysql", "name", "db1", "protocol", "mysql");
	json_t *odd = json_pack("{s:s, s:[i, {}]}", "labels", "app", "proxies", 1);

	assert_true(selector_fits_member(s, shop));
	assert_true(selector_fits_proxy(s, "db1", "mysql"));
	assert_false(selector_fits_proxy(s, "db", "mysql"));
	assert_false(selector_fits_proxy(s, "db1", "redis"));
	json_array_remove(json_object_get(shop, "proxies"), 1);
	assert_false(selector_fits_member(s, shop));
	assert_false(selector_fits_member(s, odd));
	assert_false(selector_fits_labels(s, NULL));
	json_decref(odd);
	json_decref(shop);
	json_decref(s);
}

static void limit_rounds_a_percent_up(void **state)
{
	static const struct { const char *text; size_t n, most;
	} all[] = {
		{ "10%", 50, 5 },   { "10%", 51, 6 },   { "10%", 1, 1 },   { "0%", 50, 0 },
		{ "100%", 7, 7 },   { "33%", 100, 33 }, { "0.1%", 10, 1 }, { "3", 50, 3 },
		{ "3", 2, 2 },      { "0", 9, 0 },      { "7%", 100, 7 },  { "29%", 100, 29 },
		{ "57%", 100, 57 },
	};
	static const char *const bad[] = { "",    "x",   "-1",  "101%",  "1.5",
		                           "5 %", "nan", "inf", "1e400", "%" };
	char error[ERROR_MAX];
	double limit;
	bool percent;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		assert_true(limit_read(all[i].text, &limit, &percent, error));
		assert_int_equal(limit_of(limit, percent, all[i].n), all[i].most);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(limit_read(bad[i], &limit, &percent, error) && limit < 1e300);
}

static void rank_is_of_the_name_alone(void **state)
{
	unsigned low = 0;
	char name[16];

	assert_int_equal(member_rank("shop-7"), member_rank("shop-7"));
	assert_true(member_compare("a", "b") == -member_compare("b", "a"));
	assert_int_equal(member_compare("a", "a"), 0);
	for (int i = 0; i < 1000; i++) {        /* spread: names that differ in the last digit */
		snprintf(name, sizeof name, "shop-%d", i);
		low += member_rank(name) < UINT64_MAX / 10;
	}
	assert_in_range(low, 60, 140);
}

static void names_good_and_bad(void **state)
{
	assert_true(fleet_id_good("slow-1.a_b"));
	assert_false(fleet_id_good("") || fleet_id_good("a/b") || fleet_id_good("a b") ||
	             fleet_id_good("\xc3\xa9"));
	assert_true(member_name_good("127.0.0.1:8080") && member_name_good("caf\xc3\xa9"));
	assert_false(member_name_good("") || member_name_good("a/b") || member_name_good("a\nb") ||
	             member_name_good("\xff"));
}

static void store_addresses(void **state)
{
	static const struct { const char *url; bool tls; const char *first, *prefix;
	} all[] = {
		{ "etcd://a:1/p", false, "http://a:1", "/p/" },
		{ "etcd://a/p/", false, "http://a:2379", "/p/" },
		{ "etcd://a:1,b:2/p/q", true, "https://a:1", "/p/q/" },
		{ "etcds://a:1/p", false, "https://a:1", "/p/" },
		{ "etcd://[::1]:2379/p", false, "http://[::1]:2379", "/p/" },
		{ "etcd://[::1]/p", false, "http://[::1]:2379", "/p/" },
	};
	static const char *const bad[] = {
		"",
		"etcd://",
		"etcd://a",
		"etcd://a/",
		"http://a/b",
		"etcd://a:0/b",
		"etcd://a:99999/b",
		"etcd://a:x/b",
		"etcd://,/b",
		"etcd://a,,b/c",
		"etcd://a b/c",
		"etcd://a//b",
		"etcd://u@h/b",
		"etcd://:1/b",
		"etcd:///b",
	};
	char error[ERROR_MAX];

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		json_t *url = store_url_read(all[i].url, all[i].tls, error);
		assert_non_null(url);
		assert_string_equal(
			json_string_value(json_array_get(json_object_get(url, "endpoints"), 0)),
			all[i].first);
		assert_string_equal(json_string_value(json_object_get(url, "prefix")),
		                    all[i].prefix);
		json_decref(url);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_null(store_url_read(bad[i], false, error));
}

static void base64_both_ways(void **state)
{
	for (size_t n = 0; n < 40; n++) {
		char bytes[40];
		size_t back;
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(i * 37 + n);
		char *text = base64_make(bytes, n), *again = base64_read(text, &back);
		assert_int_equal(back, n);
		assert_memory_equal(again, bytes, n);
		free(text);
		free(again);
	}
	size_t n;
	char *text = base64_make("any carnal pleas", 16);
	assert_string_equal(text, "YW55IGNhcm5hbCBwbGVhcw==");
	free(text);
	assert_null(base64_read("YQ*=", &n));
	assert_null(base64_read("Y", &n));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(selector_reads),
	cmocka_unit_test(selector_labels_have_no_words_of_selectors),
	cmocka_unit_test(selector_fits),
	cmocka_unit_test(limit_rounds_a_percent_up),
	cmocka_unit_test(rank_is_of_the_name_alone),
	cmocka_unit_test(names_good_and_bad),
	cmocka_unit_test(store_addresses),
	cmocka_unit_test(base64_both_ways),
};
SUITE(fleet, tests)
