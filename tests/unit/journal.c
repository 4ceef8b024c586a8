/* journal.c - tests of events: fields that are JSON whatever they hold, and readers that may be
 * slow. */
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

static void wakes(struct subscriber *r)
{
	woken++;
}

static int set_up(void **state)
{
	char error[ERROR_MAX];

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

static struct subscriber *subscriber(struct subscriber *r, unsigned wants, const char *proxy)
{
	*r = (struct subscriber){ .wants = wants, .ready = wakes };
	subscriber_open(r, proxy);
	return r;
}

static void tell(enum journal_type type, const char *proxy, uint64_t connection)
{
	struct journal_entry n;

	if (!journal_wants(type))
		return;
	journal_begin(&n, type, clock_monotonic(), proxy);
	journal_count(&n, "connection", connection);
	journal_write(&n);
}

/* The next line that waits, as JSON; NULL: none does. */
static json_t *next(struct subscriber *r)
{
	struct vn_span s = subscriber_waiting(r);
	const uint8_t *end = s.n ? memchr(s.p, '\n', s.n) : NULL;

	if (!end)
		return NULL;
	json_t *line = json_loadb((const char *)s.p, (size_t)(end - s.p), 0, NULL);
	assert_non_null(line);
	subscriber_took(r, (size_t)(end - s.p) + 1);
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
	static const struct { const char *said, *shown;
	} table[] = {
		{ "plain", "plain" },
		{ "say \"hi\" \\ there", "say \"hi\" \\ there" },
		{ "a\nb\tc\x7f", "a?b?c?" },
		{ "caf\xc3\xa9 \xe4\xb8\x96 \xf0\x9f\x98\x80",
		  "caf\xc3\xa9 \xe4\xb8\x96 \xf0\x9f\x98\x80" },
		{ "\xff\xfe\xc3", "???" },
		{ "\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", "?????????" },
		{ "", "" },
	};
	struct subscriber r;

	subscriber(&r, ~0u, NULL);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct journal_entry n;
		journal_begin(&n, JOURNAL_RAW, 0, table[i].said);
		journal_text(&n, "why", table[i].said);
		journal_seconds(&n, "age", 1500 * VN_MS);
		journal_write(&n);
		events_drain();
		json_t *line = next(&r);
		assert_string_equal(words(line, "proxy"), table[i].shown);
		assert_string_equal(words(line, "why"), table[i].shown);
		assert_string_equal(words(line, "type"), "raw");
		assert_true(json_real_value(json_object_get(line, "age")) == 1.5);
		json_decref(line);
	}
	subscriber_close(&r);
}

/* Whatever is too much is left out, between two characters and between two fields. */
static void too_much(void **state)
{
	char much[4096] = "";
	struct subscriber r;
	struct journal_entry n;

	for (unsigned i = 0; i < 1000; i++)
		strcat(much, i % 3 ? "\"" : "\xe4\xb8\x96");
	subscriber(&r, ~0u, NULL);
	journal_begin(&n, JOURNAL_RAW, 0, much);
	for (unsigned i = 0; i < 100; i++) {
		journal_text(&n, "words", much);
		journal_count(&n, "count", INT64_MAX);
		journal_seconds(&n, "seconds", INT64_MAX);
	}
	journal_write(&n);
	events_drain();
	json_t *line = next(&r);
	assert_non_null(line);
	assert_true(strlen(words(line, "proxy")) <= JOURNAL_WORDS);
	json_decref(line);
	subscriber_close(&r);
}

static void nobody_wants(void **state)
{
	struct subscriber r;

	for (unsigned t = 0; t < JOURNAL_TYPES; t++)
		assert_false(journal_wants(t));
	subscriber(&r, 1u << JOURNAL_FAULT, NULL);
	assert_true(journal_wants(JOURNAL_FAULT));
	assert_false(journal_wants(JOURNAL_OPENED));
	subscriber_close(&r);
	assert_false(journal_wants(JOURNAL_FAULT));
}

static void who_wants_what(void **state)
{
	struct subscriber all, faults, db;
	json_t *line;

	subscriber(&all, ~0u, NULL);
	subscriber(&faults, 1u << JOURNAL_FAULT, NULL);
	subscriber(&db, ~0u, "db");
	tell(JOURNAL_OPENED, "db", 1);
	tell(JOURNAL_FAULT, "db2", 2);
	tell(JOURNAL_FAULT, "db", 3);
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
	subscriber_close(&all);
	subscriber_close(&faults);
	subscriber_close(&db);
}

/* All that were told are there or are counted, in order. */
static void count_all(struct subscriber *r, long long told)
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
	struct events_totals before = events_totals();
	struct subscriber slow, quick;
	json_t *line;

	subscriber(&slow, ~0u, NULL);
	subscriber(&quick, ~0u, NULL);
	for (uint64_t i = 1; i <= 10000; i++) {
		tell(JOURNAL_OPENED, "db", i);
		events_drain();
		line = next(&quick);
		assert_int_equal(number(line, "connection"), i);
		json_decref(line);
	}
	assert_true(events_totals().lost > before.lost);
	count_all(&slow, 10000);
	tell(JOURNAL_OPENED, "db", 1);
	events_drain();
	line = next(&slow);
	assert_string_equal(words(line, "type"), "opened");
	json_decref(line);
	subscriber_close(&slow);
	subscriber_close(&quick);
}

static void a_full_ring(void **state)
{
	struct subscriber r;

	subscriber(&r, ~0u, NULL);
	for (uint64_t i = 1; i <= 50000; i++)
		tell(JOURNAL_OPENED, "db", i);
	assert_true(ring_lost(&journal_ring) > 0);
	events_drain();
	long long seen = 0, lost = 0;
	for (json_t *line; (line = next(&r)); json_decref(line))
		if (!strcmp(words(line, "type"), "lost"))
			lost += number(line, "lost");
		else
			seen++;
	assert_int_equal(seen + lost, 50000);
	subscriber_close(&r);
}

static void types(void **state)
{
	char error[ERROR_MAX];
	unsigned wants;

	assert_true(events_types("fault,closed", &wants, error));
	assert_int_equal(wants, 1u << JOURNAL_FAULT | 1u << JOURNAL_CLOSED);
	assert_false(events_types("fault,,closed", &wants, error));
	assert_false(events_types("fault,clo", &wants, error));
	assert_string_equal(
		error,
		"type: expected opened, closed, fault, unreachable, missed, raw, changed, "
		"exchange, gave_up or mark, got 'clo'; did you mean 'closed'?");
}

static void as_a_stream(void **state)
{
	struct subscriber r = { .wants = ~0u, .stream = true, .ready = wakes };
	unsigned long long id;
	int end = 0;

	subscriber_open(&r, NULL);
	tell(JOURNAL_FAULT, "db", 7);
	events_drain();
	struct vn_span s = subscriber_waiting(&r);
	sscanf((const char *)s.p,
	       "id: %llu\nevent: fault\ndata: {\"id\": %*u, \"time\": %*f, \"type\": \"fault\", "
	       "\"proxy\": \"db\", \"connection\": 7}%n",
	       &id, &end);
	assert_int_equal(end + 2, s.n);
	assert_memory_equal(s.p + end, "\n\n", 2);
	subscriber_close(&r);
}

/* A pipe that nobody reads loses events, and makes nobody wait. */
static void a_file_that_is_not_read(void **state)
{
	char path[] = "/tmp/events-XXXXXX", error[ERROR_MAX], bytes[4096];
	struct loop own;
	int fd = mkstemp(path);

	signal(SIGPIPE, SIG_IGN);
	assert_true(fd >= 0 && close(fd) == 0 && unlink(path) == 0 && mkfifo(path, 0600) == 0);
	events_stop();
	loop_init(&own);
	/* a pipe without a reader: opening it would wait for one */
	assert_false(events_start(&own, path, error));
	assert_non_null(strstr(error, path));
	events_stop();
	fd = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(events_start(&own, path, error));
	for (uint64_t i = 1; i <= 10000; i++) {
		tell(JOURNAL_OPENED, "db", i);
		events_drain();
	}
	assert_true(events_totals().lost > 0);
	assert_true(read(fd, bytes, sizeof bytes) > 0);
	close(fd);
	events_stop();
	loop_free(&own);
	unlink(path);
	assert_true(events_start(&loop, "", error));
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	EACH(any_bytes),      EACH(too_much),      EACH(nobody_wants),
	EACH(who_wants_what), EACH(a_slow_reader), EACH(a_full_ring),
	EACH(types),          EACH(as_a_stream),   EACH(a_file_that_is_not_read),
};

SUITE(news, tests)
