/* option.c - tests of options: from text, from JSON, back, and in words. */
#include "spec/option.h"

#include <string.h>

#include "spec/option_help.h"
#include "spec/option_json.h"
#include "unit.h"

struct fake_opts {
	bool before;
	int64_t count, percent;
	double share;
	vn_nsec sleep, lag;
	const char *word, *kind, *failure;
};

static const char *const kinds[] = { "uniform", "normal", NULL };

#define ROW(name_, type_, ...) \
	{ .name = #name_, \
	  .type = type_, \
	  .offset = offsetof(struct fake_opts, name_), \
	  .help = "h", \
	  __VA_ARGS__ }

static const struct vn_opt table[] = {
	ROW(before, VN_OPT_BOOL, .def = "true"),
	ROW(count, VN_OPT_INT, .def = "3"),
	ROW(percent, VN_OPT_INT, .min = -1, .max = 100),
	ROW(share, VN_OPT_REAL, .def = "0.5", .max = 1),
	ROW(sleep, VN_OPT_TIME, .def = "1", .unit = VN_S),
	ROW(lag, VN_OPT_TIME, .unit = VN_MS),
	ROW(word, VN_OPT_TEXT),
	ROW(kind, VN_OPT_CHOICE, .def = "uniform", .choices = kinds),
	ROW(failure, VN_OPT_FAILURE),
	{ .name = "warmup", .type = VN_OPT_INT, .help = "h", .rule = VN_OPT_SKIP, .def = "2" },
	{ .name = "agitate", .type = VN_OPT_INT, .help = "h", .rule = VN_OPT_TIMES, .def = "1" },
	{ .name = "keep_alive", .type = VN_OPT_INERT, .help = "h" },
	{ .name = NULL },
};

static struct opt_values values;
static struct fake_opts *opts;
static char error[ERROR_MAX];

static int set_up(void **state)
{
	opt_values_init(&values, table, sizeof *opts);
	opts = values.opts;
	return 0;
}

static int tear_down(void **state)
{
	opt_values_free(&values);
	return 0;
}

static bool set(const char *name, const char *text)
{
	error[0] = '\0';
	return opt_set_text(&values, opt_find(table, name), text, error);
}

static bool set_json(const char *name, const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	error[0] = '\0';
	bool good = opt_set_json(&values, opt_find(table, name), value, error);
	json_decref(value);
	return good;
}

static void defaults(void **state)
{
	assert_true(opts->before);
	assert_int_equal(opts->count, 3);
	assert_int_equal(opts->percent, 0);
	assert_true(opts->share == 0.5);
	assert_int_equal(opts->sleep, VN_S);
	assert_int_equal(opts->lag, 0);
	assert_null(opts->word);
	assert_string_equal(opts->kind, "uniform");
	assert_int_equal(values.skip, 2);
	assert_int_equal(values.times, 1);

	struct opt_values bare;
	opt_values_init(&bare, NULL, 0);
	assert_int_equal(bare.skip, 0);
	assert_true(bare.times == UINT64_MAX);
	opt_values_free(&bare);
}

static void times(void **state)
{
	static const struct { const char *text; vn_nsec sleep;
	} good[] = {
		{ "2", 2 * VN_S },     { "0.2", 200 * VN_MS },
		{ ".5", 500 * VN_MS }, { "250ms", 250 * VN_MS },
		{ "7us", 7 * VN_US },  { "1.5m", 90 * VN_S },
		{ "1h", 3600 * VN_S }, { " 3 s ", 3 * VN_S },
		{ "1e-3", VN_MS },     { "0", 0 },
		{ "-0", 0 },
	};
	static const char *const bad[] = {
		"abc",
		"",
		" ",
		"-1",
		"-1ms",
		"inf",
		"nan",
		"infinity",
		"0x10",
		"1e400",
		"1e300",
		"99999999999999999999",
		"9223372036854775807",
		"1 2",
		"1d",
		"1e",
		"s",
		"1ss",
		"1,5",
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(set("sleep", good[i].text));
		assert_int_equal(opts->sleep, good[i].sleep);
	}
	set("sleep", "5");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(set("sleep", bad[i]));
		assert_int_equal(opts->sleep, 5 * VN_S);
		assert_non_null(strstr(error, "sleep: expected a number of seconds >= 0, got '"));
	}
	set("sleep", "abc");
	assert_string_equal(error, "sleep: expected a number of seconds >= 0, got 'abc'");
	assert_true(set("lag", "5"));
	assert_int_equal(opts->lag, 5 * VN_MS);
}

static void whole_numbers(void **state)
{
	assert_true(set("count", "9223372036854775807"));
	assert_true(opts->count == INT64_MAX);
	assert_false(set("count", "9223372036854775808"));
	assert_false(set("count", "-1"));
	assert_string_equal(error, "count: expected a whole number >= 0, got '-1'");
	assert_false(set("count", "1.5"));
	assert_false(set("count", "3x"));
	assert_true(set("percent", "-1"));
	assert_false(set("percent", "101"));
	assert_string_equal(error, "percent: expected a whole number from -1 to 100, got '101'");
	assert_true(set("warmup", "7"));
	assert_int_equal(values.skip, 7);
	assert_true(set("agitate", "4"));
	assert_int_equal(values.times, 4);
}

static void words(void **state)
{
	assert_true(set("before", "No"));
	assert_false(opts->before);
	assert_true(set("before", "1"));
	assert_true(opts->before);
	assert_false(set("before", "maybe"));
	assert_string_equal(error, "before: expected true or false, got 'maybe'");
	assert_true(set("kind", "normal"));
	assert_false(set("kind", "weird"));
	assert_string_equal(error, "kind: expected one of uniform, normal, got 'weird'");
	assert_string_equal(opts->kind, "normal");
	assert_true(set("word", " as it is "));
	assert_string_equal(opts->word, " as it is ");
	assert_true(set("failure", "deadlock"));
	assert_true(set("keep_alive", "true"));
	assert_true(set("keep-alive", "8124"));
	assert_false(set("keep_alive", "perhaps"));
}

static void json(void **state)
{
	assert_true(set_json("sleep", "0.2"));
	assert_int_equal(opts->sleep, 200 * VN_MS);
	assert_true(set_json("sleep", "\"250ms\""));
	assert_int_equal(opts->sleep, 250 * VN_MS);
	assert_true(set_json("count", "2.0"));
	assert_int_equal(opts->count, 2);
	assert_true(set_json("before", "false"));
	assert_false(opts->before);
	assert_true(set_json("before", "1"));
	assert_true(opts->before);
	assert_true(set_json("before", "\"off\""));
	assert_false(opts->before);
	assert_true(set_json("word", "null"));
	assert_null(opts->word);
	assert_true(set_json("keep_alive", "true"));
}

static void json_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "sleep", "true" },
		{ "sleep", "null" },
		{ "sleep", "[1]" },
		{ "sleep", "{}" },
		{ "sleep", "-1" },
		{ "sleep", "1e300" },
		{ "sleep", "9223372036854775807" },
		{ "sleep", "1.7976931348623157e308" },
		{ "lag", "9223372036854775807" },
		{ "count", "1.5" },
		{ "count", "1e300" },
		{ "count", "-1e300" },
		{ "count", "9.3e18" },
		{ "count", "true" },
		{ "before", "2" },
		{ "before", "0.5" },
		{ "share", "1.01" },
		{ "share", "-1e-9" },
		{ "word", "3" },
		{ "failure", "1213" },
		{ "kind", "null" },
		{ "kind", "\"\"" },
		{ "warmup", "-1" },
		{ "agitate", "1e19" },
		{ "keep_alive", "0.5" },
		{ "keep_alive", "[]" },
	};
	json_t *before = opt_values_to_json(&values), *after;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (set_json(bad[i][0], bad[i][1]))
			fail_msg("%s took %s", bad[i][0], bad[i][1]);
		assert_non_null(strstr(error, ": expected "));
	}
	after = opt_values_to_json(&values);
	assert_true(json_equal(before, after));
	json_decref(before);
	json_decref(after);
	assert_false(set_json("sleep", "[1]"));
	assert_string_equal(error, "sleep: expected a number of seconds >= 0, got an array");
}

static void shown(void **state)
{
	set("lag", "250");
	json_t *object = opt_values_to_json(&values);
	char *text = json_dumps(object, 0);
	assert_string_equal(
		text,
		"{\"before\": true, \"count\": 3, \"percent\": 0, \"share\": 0.5, \"sleep\": 1.0, "
		"\"lag\": 250, \"word\": null, \"kind\": \"uniform\", \"failure\": null, "
		"\"warmup\": 2, "
		"\"agitate\": 1}");
	free(text);

	/* What is shown can be put back. */
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
		assert_true(opt_set_json(&values, opt_find(table, key), value, error));
	json_decref(object);
}

static void copied(void **state)
{
	struct opt_values other;
	set("word", "mine");
	opt_values_copy(&other, &values);
	set("word", "changed");
	assert_string_equal(((struct fake_opts *)other.opts)->word, "mine");
	assert_int_equal(other.skip, 2);
	opt_values_free(&other);
	opt_values_free(&other);                     /* may be done twice */
}

static void described(void **state)
{
	static const char *const want[][2] = {
		{ "sleep", "seconds, default 1" },
		{ "before", "true or false, default true" },
		{ "count", "whole number, default 3" },
		{ "percent", "whole number from -1 to 100, default 0" },
		{ "lag", "milliseconds, default 0" },
		{ "kind", "one of uniform, normal; default uniform" },
		{ "word", "text" },
		{ "keep_alive", "changes nothing" },
	};
	char text[ERROR_MAX];
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		opt_describe(opt_find(table, want[i][0]), text, sizeof text);
		assert_string_equal(text, want[i][1]);
	}
}

static bool utf8(const char *text)
{
	json_t *string = json_string(text);
	json_decref(string);
	return string != NULL;
}

static void sentences_fit(void **state)
{
	char small[16], many[1000] = "";
	for (int i = 0; i < 200; i++)
		strcat(many, i % 3 ? "\xc3\xa9" : "\xe2\x82\xac");
	for (size_t size = 2; size <= sizeof small; size++) {
		text_printable(many, small, size);
		assert_true(strlen(small) < size);
		assert_true(utf8(small));
	}
	for (size_t cut = 0; cut < 6; cut++) {
		error_format(error, "%.*s%s", (int)cut, "aaaaaa", many);
		assert_true(strlen(error) < ERROR_MAX && utf8(error));
	}
	assert_string_equal(text_printable("a\nb\x7f", small, sizeof small), "a?b?");
	assert_false(set("sleep", many));
	assert_true(utf8(error));
}

struct tabled { int64_t before; struct vn_table table; int64_t behind; };

static const struct vn_opt tabled[] = {
	{ "table", VN_OPT_TABLE, offsetof(struct tabled, table), NULL, "h", VN_S },
	{ 0 }
};

static void tables(void **state)
{
	static const char *const good[][2] = {
		{ "50:10ms,90:40ms,99:1s", "\"50:10ms,90:40ms,99:1s\"" },
		{ "0:1, 99.9:2h ,100:2h", "\"0:1s,99.9:7200s,100:7200s\"" },
		{ " 5:0.0000015 ", "\"5:1.5us\"" },
		{ "-0:0", "\"0:0s\"" },
		{ "", "null" },
		{ "1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,9:9,10:10,11:11,12:12,13:13,14:14,15:15,16:16",
		  "\"1:1s,2:2s,3:3s,4:4s,5:5s,6:6s,7:7s,8:8s,9:9s,10:10s,11:11s,12:12s,13:13s,14:14s,15:15s,16:16s\"" },
	};
	static const char *const bad[] = {
		"x",
		"50",
		"50:",
		":1",
		"50:1,",
		",50:1",
		"50: 1",
		"50:1,,60:2",
		"50:1 60:2",
		"101:1",
		"-1:1",
		"50:-1",
		"50:1,50:2",
		"60:1,50:2",
		"50:2,60:1",
		"50:1d",
		"50:inf",
		"nan:1",
		"50:1e300",
		"50:1:2",
		"1:1,2:2,3:3,4:4,5:5,6:6,7:7,8:8,9:9,10:10,11:11,12:12,13:13,14:14,15:15,16:16,17:17",
	};
	struct opt_values b, copy;
	opt_values_init(&b, tabled, sizeof(struct tabled));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_true(opt_set_text(&b, tabled, "50:1s", error));
		assert_false(opt_set_text(&b, tabled, bad[i], error));
		assert_non_null(strstr(
			error,
			"table: expected at most 16 percentiles and times, both ascending, as "
			"50:10ms,99:1s, got '"));
		assert_int_equal(((struct tabled *)b.opts)->table.n, 1);
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(opt_set_text(&b, tabled, good[i][0], error));
		opt_values_copy(&copy, &b);
		json_t *shown = opt_to_json(&copy, tabled);
		char *text = json_dumps(shown, JSON_ENCODE_ANY);
		assert_string_equal(text, good[i][1]);
		free(text);
		assert_true(opt_set_json(&b, tabled, shown, error));
		assert_memory_equal(b.opts, copy.opts, sizeof(struct tabled));
		json_decref(shown);
		opt_values_free(&copy);
	}
	assert_false(opt_set_json(&b, tabled, json_true(), error));
	opt_values_free(&b);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(defaults),  EACH(times),         EACH(whole_numbers), EACH(words),
	EACH(json),      EACH(json_refused),  EACH(shown),         EACH(copied),
	EACH(described), EACH(sentences_fit), EACH(tables),
};

SUITE(option, tests)
