/* news.c - tests of what is told: fields that are JSON whatever they hold, and readers that may be slow. */
#include "control/events.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ring.h"
#include "unit.h"

static struct loop loop;
static unsigned woken;

static void wakes(struct reader *r)
{
	woken++;
}

static int set_up(void **state)
{
	char error[SENTENCE];

	woken = 0;
	loop_init(&loop);
	return events_start(&loop, "", error) ? 0 : -1;
}

static int tear_down(void **state)
{
	events_stop();
	loop_free(&loop);
	return 0;
}

static struct reader *reader(struct reader *r, unsigned wants, const char *proxy)
{
	*r = (struct reader){ .wants = wants, .ready = wakes };
	reader_open(r, proxy);
	return r;
}

static void tell(enum news_type type, const char *proxy, uint64_t connection)
{
	struct news n;

	if (!news_want(type))
		return;
	news_begin(&n, type, clock_monotonic(), proxy);
	news_count(&n, "connection", connection);
	news_tell(&n);
}

/* The next line that waits, as JSON; NULL: none does. */
static json_t *next(struct reader *r)
{
	struct vn_span s = reader_waiting(r);
	const uint8_t *end = s.n ? memchr(s.p, '\n', s.n) : NULL;

	if (!end)
		return NULL;
	json_t *line = json_loadb((const char *)s.p, (size_t)(end - s.p), 0, NULL);
	assert_non_null(line);
	reader_took(r, (size_t)(end - s.p) + 1);
	return line;
}

static long long number(const json_t *line, const char *key)
{
	assert_true(json_is_integer(json_object_get(line, key)));
	return json_integer_value(json_object_get(line, key));
}

static const char *words(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

static void any_bytes(void **state)
{
	static const struct { const char *said, *shown; } table[] = {
		{ "plain", "plain" }, { "say \"hi\" \\ there", "say \"hi\" \\ there" }, { "a\nb\tc\x7f", "a?b?c?" },
		{ "caf\xc3\xa9 \xe4\xb8\x96 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe4\xb8\x96 \xf0\x9f\x98\x80" },
		{ "\xff\xfe\xc3", "???" }, { "\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", "?????????" }, { "", "" },
	};
	struct reader r;

	reader(&r, ~0u, NULL);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct news n;
		news_begin(&n, NEWS_RAW, 0, table[i].said);
		news_words(&n, "why", table[i].said);
		news_seconds(&n, "age", 1500 * VN_MS);
		news_tell(&n);
		events_drain();
		json_t *line = next(&r);
		assert_string_equal(words(line, "proxy"), table[i].shown);
		assert_string_equal(words(line, "why"), table[i].shown);
		assert_string_equal(words(line, "type"), "raw");
		assert_true(json_real_value(json_object_get(line, "age")) == 1.5);
		json_decref(line);
	}
	reader_close(&r);
}

/* Whatever is too much is left out, between two characters and between two fields. */
static void too_much(void **state)
{
	char much[4096] = "";
	struct reader r;
	struct news n;

	for (unsigned i = 0; i < 1000; i++)
		strcat(much, i % 3 ? "\"" : "\xe4\xb8\x96");
	reader(&r, ~0u, NULL);
	news_begin(&n, NEWS_RAW, 0, much);
	for (unsigned i = 0; i < 100; i++) {
		news_words(&n, "words", much);
		news_count(&n, "count", INT64_MAX);
		news_seconds(&n, "seconds", INT64_MAX);
	}
	news_tell(&n);
	events_drain();
	json_t *line = next(&r);
	assert_non_null(line);
	assert_true(strlen(words(line, "proxy")) <= NEWS_WORDS);
	json_decref(line);
	reader_close(&r);
}

static void nobody_wants(void **state)
{
	struct reader r;

	for (unsigned t = 0; t < NEWS_TYPES; t++)
		assert_false(news_want(t));
	reader(&r, 1u << NEWS_FAULT, NULL);
	assert_true(news_want(NEWS_FAULT));
	assert_false(news_want(NEWS_OPENED));
	reader_close(&r);
	assert_false(news_want(NEWS_FAULT));
}

static void who_wants_what(void **state)
{
	struct reader all, faults, db;
	json_t *line;

	reader(&all, ~0u, NULL);
	reader(&faults, 1u << NEWS_FAULT, NULL);
	reader(&db, ~0u, "db");
	tell(NEWS_OPENED, "db", 1);
	tell(NEWS_FAULT, "db2", 2);
	tell(NEWS_FAULT, "db", 3);
	events_drain();
	for (long long id = 0, i = 1; i <= 3; i++) {
		line = next(&all);
		assert_int_equal(number(line, "connection"), i);
		assert_true(number(line, "id") > id);
		id = number(line, "id");
		json_decref(line);
	}
	for (long long i = 2; i <= 3; i++) {
		line = next(&faults);
		assert_int_equal(number(line, "connection"), i);
		json_decref(line);
	}
	for (long long i = 1; i <= 3; i += 2) {
		line = next(&db);
		assert_int_equal(number(line, "connection"), i);
		json_decref(line);
	}
	assert_null(next(&all));
	assert_null(next(&faults));
	assert_null(next(&db));
	assert_int_equal(woken, 3);
	reader_close(&all);
	reader_close(&faults);
	reader_close(&db);
}

/* All that were told are there or are counted, in order. */
static void count_all(struct reader *r, long long told)
{
	long long seen = 0, lost = 0, last = 0;

	for (json_t *line; (line = next(r)); json_decref(line)) {
		if (!strcmp(words(line, "type"), "lost")) {
			lost += number(line, "lost");
			last += number(line, "lost");
			continue;
		}
		assert_int_equal(number(line, "connection"), ++last);
		seen++;
	}
	assert_true(lost > 0);
	assert_int_equal(seen + lost, told);
}

static void a_slow_reader(void **state)
{
	struct events_figures before = events_figures();
	struct reader slow, quick;
	json_t *line;

	reader(&slow, ~0u, NULL);
	reader(&quick, ~0u, NULL);
	for (uint64_t i = 1; i <= 10000; i++) {
		tell(NEWS_OPENED, "db", i);
		events_drain();
		line = next(&quick);
		assert_int_equal(number(line, "connection"), i);
		json_decref(line);
	}
	assert_true(events_figures().lost > before.lost);
	count_all(&slow, 10000);
	tell(NEWS_OPENED, "db", 1);
	events_drain();
	line = next(&slow);
	assert_string_equal(words(line, "type"), "opened");
	json_decref(line);
	reader_close(&slow);
	reader_close(&quick);
}

static void a_full_ring(void **state)
{
	struct reader r;

	reader(&r, ~0u, NULL);
	for (uint64_t i = 1; i <= 50000; i++)
		tell(NEWS_OPENED, "db", i);
	assert_true(ring_lost(&news_ring) > 0);
	events_drain();
	long long seen = 0, lost = 0;
	for (json_t *line; (line = next(&r)); json_decref(line))
		if (!strcmp(words(line, "type"), "lost"))
			lost += number(line, "lost");
		else
			seen++;
	assert_int_equal(seen + lost, 50000);
	reader_close(&r);
}

static void types(void **state)
{
	char error[SENTENCE];
	unsigned wants;

	assert_true(events_types("fault,closed", &wants, error));
	assert_int_equal(wants, 1u << NEWS_FAULT | 1u << NEWS_CLOSED);
	assert_false(events_types("fault,,closed", &wants, error));
	assert_false(events_types("fault,clo", &wants, error));
	assert_string_equal(error, "type: expected opened, closed, fault, unreachable, missed, raw or changed, got 'clo'");
}

static void as_a_stream(void **state)
{
	struct reader r = { .wants = ~0u, .stream = true, .ready = wakes };
	unsigned long long id;
	int end = 0;

	reader_open(&r, NULL);
	tell(NEWS_FAULT, "db", 7);
	events_drain();
	struct vn_span s = reader_waiting(&r);
	sscanf((const char *)s.p, "id: %llu\nevent: fault\ndata: {\"id\": %*u, \"time\": %*f, \"type\": \"fault\", \"proxy\": \"db\", \"connection\": 7}%n", &id, &end);
	assert_int_equal(end + 2, s.n);
	assert_memory_equal(s.p + end, "\n\n", 2);
	reader_close(&r);
}

/* A pipe that nobody reads loses events, and makes nobody wait. */
static void a_file_that_is_not_read(void **state)
{
	char path[] = "/tmp/events-XXXXXX", error[SENTENCE], bytes[4096];
	struct loop own;
	int fd = mkstemp(path);

	signal(SIGPIPE, SIG_IGN);
	assert_true(fd >= 0 && close(fd) == 0 && unlink(path) == 0 && mkfifo(path, 0600) == 0);
	events_stop();
	loop_init(&own);
	assert_false(events_start(&own, path, error));          /* a pipe without a reader: opening it would wait for one */
	assert_non_null(strstr(error, path));
	events_stop();
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(events_start(&own, path, error));
	for (uint64_t i = 1; i <= 10000; i++) {
		tell(NEWS_OPENED, "db", i);
		events_drain();
	}
	assert_true(events_figures().lost > 0);
	assert_true(read(fd, bytes, sizeof bytes) > 0);
	close(fd);
	events_stop();
	loop_free(&own);
	unlink(path);
	assert_true(events_start(&loop, "", error));
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(any_bytes), EACH(too_much), EACH(nobody_wants), EACH(who_wants_what), EACH(a_slow_reader), EACH(a_full_ring), EACH(types),
	EACH(as_a_stream), EACH(a_file_that_is_not_read),
};

SUITE(news, tests)
