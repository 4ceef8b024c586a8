/* report.c - tests of the report's formats: sentences, columns, and that no shape of a report stops
 * a writer. */
#include "audit/report.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/outfile.h"
#include "audit/report_columns.h"
#include "audit/report_words.h"
#include "base/text.h"
#include "unit.h"

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	if (!value)
		fail_msg("%s: %s", error.text, text);
	return value;
}

/* A run with all there is, and no more. */
static const char small[] =
	"{\"schema\":\"vaurien-audit/1\",\"program\":\"vaurien 3\",\"seed\":7,\"took\":60.5,"
	"\"started\":\"2026-01-05T10:00:00Z\",\"verdict\":\"fail\",\"exit\":1,\"fail_on\":\"fail\","
	"\"ended\":{\"how\":\"guard\",\"text\":\"the guard failed\"},"
	"\"counts\":{\"pass\":1,\"degraded\":0,\"inconclusive\":0,\"fail\":1,\"known\":0},"
	"\"notes\":[{\"id\":\"clock\",\"text\":\"2 ms apart\"}],"
	"\"application\":{\"command\":\"./app\",\"exits\":0,\"restarts\":1},"
	"\"options\":{\"faults\":\"quick\"},\"command_line\":[\"vaurien\",\"audit\"],"
	"\"events_lost\":0,\"clock_uncertainty\":0,"
	"\"proxies\":[{\"name\":\"db\",\"protocol\":\"mysql\",\"listen\":\":1\",\"backend\":\":2\","
	"\"injected\":true,\"connections\":[2,5],\"exchanges_per_second\":12.1}],"
	"\"probes\":[{\"name\":\"stock\",\"what\":\"GET /\",\"within\":0.25,\"timeout\":5,"
	"\"every\":1,"
	"\"asks\":{\"db\":{\"reads\":1,\"writes\":2},\"cache\":null},\"samples\":20,\"ok\":20,"
	"\"median\":0.008}],"
	"\"experiments\":[{\"number\":1,\"proxy\":\"db\",\"outage\":\"restart\","
	"\"question\":\"well?\","
	"\"state\":\"done\",\"verdict\":\"fail\",\"cure\":\"off\",\"begun\":1,\"t_on\":4,"
	"\"t_strike\":5,"
	"\"t_off\":9,\"end\":20,\"struck\":5,\"unreachable\":1,\"needed_restart\":true,"
	"\"phases\":[{\"name\":\"refuses\",\"fault\":true,\"rules\":[\"refuse\"],"
	"\"does\":[\"close\"],"
	"\"begun\":4,\"ended\":9,\"expectations\":[{\"text\":\"a = ok\",\"held\":false,"
	"\"why\":\"error\"}]}],\"findings\":[{\"id\":\"expectation\",\"severity\":\"fail\","
	"\"text\":\"a was error\"}],"
	"\"probes\":[{\"name\":\"stock\",\"verdict\":\"fail\",\"detect\":0.4,\"recover\":1.7,"
	"\"during\":{\"error\":9},\"after\":{\"ok\":3},\"answers\":{\"500\":9,\"502\":1},"
	"\"answer_median\":0.011,\"failures_after\":3,\"without_asking\":3,\"tried\":null,"
	"\"findings\":[{\"id\":\"stale_pool\",\"severity\":\"degraded\",\"text\":\"t\","
	"\"remedy\":\"r\"}],\"samples\":[[4.5,0.01,\"error\",\"500\"],[9.5,5,\"timeout\",\"\"],"
	"[11,0.01,\"ok\",\"200\"]]}],"
	"\"connections\":{\"verdict\":\"pass\",\"before\":5,\"after\":5,\"peak\":2,\"unnoticed\":5,"
	"\"findings\":[]},"
	"\"retries\":{\"median\":3,\"most\":4,\"spacing\":\"growing\",\"gap\":0.4,\"samples\":9},"
	"\"timeouts\":{\"connect\":null,\"request\":{\"waited\":7,\"given_up\":0,\"watched\":20}},"
	"\"executed_twice\":1,\"load\":[{\"proxy\":\"cache\",\"exchanges\":2.5,"
	"\"connections\":null}],"
	"\"series\":{\"open\":[[1,5],[4,0],[9,5]],\"opened\":[[9,5]],\"exchanges\":[[1,12],[2,11]],"
	"\"waiting\":[[4,1]]}}],"
	"\"findings\":[{\"id\":\"stale_pool\",\"severity\":\"fail\","
	"\"where\":[\"db/restart/stock\"],"
	"\"text\":\"not tested\",\"remedy\":\"test\"}]}";

static char *written(const char *format, const json_t *report)
{
	static char *text;
	static size_t size;
	FILE *to = open_memstream(&text, &size);

	report_format_find(format)->write(report, to);
	fclose(to);
	return text;
}

/* ---- the table ---- */

static void formats(void **state)
{
	static const char *const names[] = { "html", "json", "junit", "markdown", "text" };
	const struct report_format *f = report_formats();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++, f = f->next) {
		assert_non_null(f);
		assert_string_equal(f->name, names[i]);
		assert_ptr_equal(report_format_find(names[i]), f);
	}
	assert_null(f);
	assert_null(report_format_find("yaml"));
}

static void saved(void **state)
{
	char file[] = "/tmp/vaurien-report-XXXXXX", error[ERROR_MAX] = "", text[40] = "";
	json_t *report = parse(small);
	int fd = mkstemp(file);

	assert_true(fd >= 0);
	close(fd);
	assert_true(report_save(report_format_find("json"), report, file, error));
	FILE *from = fopen(file, "r");
	assert_non_null(fgets(text, sizeof text, from));
	assert_non_null(fgets(text, sizeof text, from));
	assert_non_null(strstr(text, "vaurien-audit/1"));
	fclose(from);
	unlink(file);
	assert_true(report_save(report_format_find("text"), report, "/dev/null", error));
	assert_false(report_save(report_format_find("json"), report, "/no/such/dir", error));
	assert_string_equal(error, "/no/such/dir: cannot be written: No such file or directory");
	assert_false(report_save(report_format_find("json"), report, "/dev/full", error));
	assert_string_equal(error, "/dev/full: cannot be written: No space left on device");
	json_decref(report);
}

/* What is no plain file is neither replaced nor waited for. */
static void paths(void **state)
{
	char folder[] = "/tmp/vaurien-report-XXXXXX", file[80], link[80], pipe[80], beside[80];
	char error[ERROR_MAX], text[4096];
	const struct report_format *json = report_format_find("json");
	json_t *report = parse(small);
	struct stat is;

	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/file", folder);
	snprintf(beside, sizeof beside, "%s/file.part", folder);
	snprintf(link, sizeof link, "%s/link", folder);
	snprintf(pipe, sizeof pipe, "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(mkfifo(beside, 0600), 0);
	assert_int_equal(symlink("file", link), 0);
	assert_true(report_save(json, report, link, error));    /* its file is not there */
	assert_int_equal(chmod(file, 0640), 0);
	assert_true(report_save(json, report, link, error));
	assert_true(lstat(link, &is) == 0 && S_ISLNK(is.st_mode));
	assert_true(lstat(file, &is) == 0 && is.st_size && (is.st_mode & 0777) == 0640);
	assert_false(report_save(json, report, pipe, error));
	assert_non_null(strstr(error, "/pipe: cannot be written: No such device or address"));
	int reader = open(pipe, O_RDONLY | O_NONBLOCK);
	assert_true(report_save(json, report, pipe, error));
	assert_true(read(reader, text, sizeof text) > 0);
	close(reader);
	assert_true(lstat(pipe, &is) == 0 && S_ISFIFO(is.st_mode));
	assert_false(report_save(json, report, folder, error));
	assert_false(outfile_possible(folder));
	assert_true(outfile_possible(pipe) && outfile_possible(file));
	assert_true(outfile_possible(link));
	assert_false(outfile_possible("/no/such/dir"));
	assert_true(!unlink(pipe) && !unlink(beside) && !unlink(link) && !unlink(file));
	assert_int_equal(rmdir(folder), 0);     /* nothing else is left */
	json_decref(report);
}

/* ---- sentences ---- */

static void figures(void **state)
{
	static const struct { double seconds; const char *text; } cases[] = {
		{ 0, "0 ms" }, { 0.011, "11 ms" }, { 0.0994, "99 ms" }, { 0.0999, "0.1 s" },
		{ 0.4, "0.4 s" }, { 20, "20.0 s" }, { 119.9, "119.9 s" }, { 371.2, "6 min 11 s" },
		{ 1e300, "1.0e+300 s" }, { NAN, "-" },
	};
	char figure[FIGURE_MAX];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(report_seconds(cases[i].seconds, figure), cases[i].text);
	assert_string_equal(report_span(5, figure), "5 s");
	assert_string_equal(report_span(0.25, figure), "0.25 s");
	assert_string_equal(report_some(1, "failure", figure), "1 failure");
	assert_string_equal(report_some(0, "failure", figure), "0 failures");
}

static void cells(void **state)
{
	static const struct { const char *cell, *text; } cases[] = {
		{ "{\"during\":{\"ok\":9},\"recover\":0}", "works" },
		{ "{\"during\":{\"ok\":9,\"slow\":2},\"answer_median\":0.31,\"recover\":0}",
		  "slow, 0.3 s (2 of 11)" },
		{ "{\"during\":{\"error\":9},\"answers\":{\"500\":9},\"answer_median\":0.011,"
		  "\"detect\":0.4,\"recover\":1.7,\"failures_after\":3}",
		  "error 500 in 11 ms, noticed after 0.4 s; back after 1.7 s, 3 failures more" },
		{ "{\"during\":{\"timeout\":1,\"error\":9},\"detect\":6.2,\"recover\":0}",
		  "no answer in 5 s, noticed after 6.2 s; back at once" },
		{ "{\"during\":{\"timeout\":1},\"recover\":null,\"tried\":\"nothing\"}",
		  "no answer in 5 s; not back after 11 s, nothing tried" },
		{ "{\"during\":{\"down\":1},\"answers\":{\"refused\":4},\"recover\":0}",
		  "refused" },
		{ "{\"during\":{}}", "no sample in the fault" },
		{ "{}", "no sample in the fault" },
	};
	json_t *report = parse(small);
	const json_t *experiment = json_array_get(json_object_get(report, "experiments"), 0);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *cell = parse(cases[i].cell);
		json_object_set_new(cell, "name", json_string("stock"));
		char *text = report_cell(report, experiment, cell);

		assert_string_equal(text, cases[i].text);
		free(text);
		json_decref(cell);
	}
	json_decref(report);
}

static void others(void **state)
{
	json_t *report = parse(small);
	const json_t *experiment = json_array_get(json_object_get(report, "experiments"), 0);
	char *text = report_connections(experiment);

	assert_string_equal(text, "5 before, 5 after; 5 closes unnoticed; at most 2 opened in a"
	                    " second; time-out in force: none in 20.0 s (7 requests waited);"
	                    " 3 retries a request, at most 4, growing (0.4 s); 1 done twice");
	free(text);
	text = report_asks(json_array_get(json_object_get(report, "probes"), 0));
	assert_string_equal(text, "asks db: 1 read, 2 writes; cache?");
	free(text);
	text = report_summary(experiment);
	assert_string_equal(text, "db: refuses");
	free(text);
	json_decref(report);
}

static void places(void **state)
{
	static const struct { const char *where, *alone, *many; } cases[] = {
		{ "[\"db/hang/stock\",\"db/hang/order\",\"db/half_open/stock\"]",
		  "stock, order: hang, half_open", "stock, order: db/hang, db/half_open" },
		{ "[\"db/hang\"]", "hang", "db/hang" },
		{ "[\"db\"]", "db", "db" },
		{ "[]", "", "" },
		{ "[\"d/1/p\",\"d/2/p\",\"d/3/p\",\"d/4/p\",\"d/5/p\",\"d/6/p\",\"d/7/p\","
		  "\"d/8/p\",\"d/9/p\",7]", "p: 1, 2, 3, 4, 5, 6, 7 and 3 more", NULL },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *where = parse(cases[i].where);
		char *alone = report_places(where, false), *many = report_places(where, true);

		assert_string_equal(alone, cases[i].alone);
		if (cases[i].many)
			assert_string_equal(many, cases[i].many);
		free(alone);
		free(many);
		json_decref(where);
	}
}

/* What has the same remedy is mended together; a note is not mended. */
static void mending(void **state)
{
	json_t *report = parse("{\"findings\":["
		"{\"id\":\"hangs\",\"severity\":\"fail\",\"where\":[\"db/hang/a\"],"
		"\"text\":\"no time-out\",\"remedy\":\"set one\"},"
		"{\"id\":\"not_recovered\",\"severity\":\"fail\",\"where\":[\"db/hang/a\","
		"\"db/half_open/a\"],\"text\":\"not back\",\"remedy\":\"set one\"},"
		"{\"id\":\"collateral\",\"severity\":\"fail\",\"where\":[],\"text\":\"\","
		"\"remedy\":\"\"},"
		"{\"id\":\"down\",\"severity\":\"fail\",\"where\":[],\"text\":\"\","
		"\"remedy\":\"\"},"
		"{\"id\":\"unnoticed\",\"severity\":\"note\",\"where\":[],\"text\":\"\"}]}");
	json_t *list = report_to_mend(report);
	const json_t *first = json_array_get(list, 0);

	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(report_text(first, "ids"), "hangs, not_recovered");
	assert_string_equal(report_text(first, "text"), "no time-out");
	assert_int_equal(json_array_size(json_object_get(first, "where")), 2);
	assert_string_equal(report_text(json_array_get(list, 1), "ids"), "collateral");
	json_decref(list);
	json_decref(report);
}

/* ---- columns ---- */

static void columns(void **state)
{
	static const struct { unsigned width; const char *text, *lines; } cases[] = {
		{ 10, "short", "  short\n" },
		{ 10, "two words more", "  two words\n  more\n" },
		{ 20, "first part; second part", "  first part;\n  second part\n" },
		{ 4, "unbreakable", "  unbr\n  eaka\n  ble\n" },
		{ 4, "äöüßäö", "  äöüß\n  äö\n" },
		{ 9, "\033[31m\n\x80", "  ?[31m??\n" },
		{ 9, "", "\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text;
		size_t size;
		FILE *to = open_memstream(&text, &size);

		columns_print(to, &(struct column){ 2, cases[i].width, cases[i].text }, 1);
		fclose(to);
		assert_string_equal(text, cases[i].lines);
		free(text);
	}
}

static unsigned widest_line(const char *text)
{
	unsigned widest = 0, n = 0;

	for (; *text; text++) {
		n = *text == '\n' ? 0 : n + (((unsigned char)*text & 0xc0) != 0x80);
		widest = n > widest ? n : widest;
	}
	return widest;
}

static json_t *first_of(json_t *object, const char *list)
{
	return json_array_get(json_object_get(object, list), 0);
}

static void hundred_at_most(const char *name, const char *id, const char *verdict)
{
	json_t *report = parse(small), *experiment = first_of(report, "experiments");
	json_t *cell = first_of(experiment, "probes"), *finding = first_of(cell, "findings");

	json_object_set_new(cell, "name", json_string(name));
	json_object_set_new(first_of(report, "probes"), "name", json_string(name));
	json_object_set_new(experiment, "outage", json_string(name));
	json_object_set_new(cell, "verdict", json_string(verdict));
	json_object_set_new(finding, "id", json_string(id));
	char *text = written("text", report);
	assert_in_range(widest_line(text), 1, 100);
	assert_non_null(strstr(text, id));
	free(text);
	json_decref(report);
}

/* Whatever the names are, and whatever verdict stands beside them. */
static void hundred_columns(void **state)
{
	static const char *const names[] = {
		"x", "a-name-that-is-rather-long", "öäü öäü öäü öäü öäü öäü öäü öäü öäü",
		"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
		"www"
		"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
	};
	static const char *const ids[] = { "slow", "changed_by_others", "reconnect_storm",
		"never_struck" };

	for (size_t n = 0; n < sizeof names / sizeof *names; n++)
		for (size_t k = 0; k < sizeof ids / sizeof *ids; k++)
			for (unsigned m = 0; m < MARKS; m++)
				hundred_at_most(names[n], ids[k], report_marks[m].word);
}

/* ---- any shape ---- */

static void write_all(const json_t *report)
{
	for (const struct report_format *f = report_formats(); f; f = f->next)
		free(written(f->name, report));
	FILE *to = fopen("/dev/null", "w");
	report_github(report, to);
	fclose(to);
}

/* Replaces each value of the tree in turn by one of each other type, and writes all formats. */
static void mutate(json_t *report, json_t *at)
{
	static const char *const others[] = {
		"null", "-1", "1e300", "\"<x>\"", "[]", "{}", "[[]]",
	};
	const char *key;
	json_t *value;
	void *next;
	size_t i, o;

	json_object_foreach_safe(at, next, key, value) {
		json_t *kept = json_incref(value);
		for (o = 0; o < sizeof others / sizeof *others; o++) {
			json_object_set_new(at, key, parse(others[o]));
			write_all(report);
		}
		json_object_set(at, key, kept);
		mutate(report, kept);
		json_decref(kept);
	}
	json_array_foreach(at, i, value) {
		json_t *kept = json_incref(value);
		for (o = 0; o < sizeof others / sizeof *others; o++) {
			json_array_set_new(at, i, parse(others[o]));
			write_all(report);
		}
		json_array_set(at, i, kept);
		mutate(report, kept);
		json_decref(kept);
	}
}

static void any_shape(void **state)
{
	json_t *report = parse(small), *empty = json_object(), *list = json_array();

	setenv("GITHUB_ACTIONS", "true", 1);
	unsetenv("GITHUB_STEP_SUMMARY");
	write_all(report);
	write_all(empty);
	write_all(list);
	write_all(json_null());
	mutate(report, report);
	unsetenv("GITHUB_ACTIONS");
	json_decref(report);
	json_decref(empty);
	json_decref(list);
}

/* The page has a place for every part; the tests in Python look at the rest. */
static void page(void **state)
{
	json_t *report = parse(small);
	char *text = written("html", report);

	assert_non_null(strstr(text, "<a class=\"fail\" href=\"#e1\">"));
	assert_non_null(strstr(text, "id=\"e1\""));
	assert_non_null(strstr(text, "<svg class=\"tl\""));
	assert_non_null(strstr(text, "back after 1.7 s"));
	free(text);
	json_decref(report);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(formats),   cmocka_unit_test(saved),   cmocka_unit_test(paths),
	cmocka_unit_test(figures),   cmocka_unit_test(cells),   cmocka_unit_test(others),
	cmocka_unit_test(places),
	cmocka_unit_test(mending),   cmocka_unit_test(columns), cmocka_unit_test(hundred_columns),
	cmocka_unit_test(any_shape), cmocka_unit_test(page),
};

SUITE(report, tests)
