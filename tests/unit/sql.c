/* sql.c - tests of what statements are taken to do: words, quotes, comments, what is kept, and what
 * it costs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/text_cache.h"
#include "vaurien.h"

#include "unit.h"

enum {
	FORBIDDEN = VN_IS_OWN,
	WRITES = VN_IS_WRITE | FORBIDDEN,
	READ = VN_IS_READ,
	UNKNOWN = VN_IS_UNKNOWN
};

static const struct vn_sql_keyword keywords[] = {
	{ "INTO", WRITES, VN_SQL_INSIDE | VN_SQL_TOP, "SELECT INTO" },
	{ "FOR UPDATE", FORBIDDEN, VN_SQL_INSIDE | VN_SQL_OF_TABLE, "SELECT FOR UPDATE" },
	{ "INSERT|DELETE", WRITES, VN_SQL_INSIDE | VN_SQL_BRACKETED, "SELECT" },
	{ "nextval (", WRITES, VN_SQL_INSIDE | VN_SQL_LATER, "nextval()" },
	{ "SELECT", READ, VN_SQL_QUERY, "SELECT" },
	{ "INSERT INTO @", WRITES, VN_SQL_QUERY | VN_SQL_ALLOWED, "INSERT" },
	{ "WITH ?RECURSIVE", READ, VN_SQL_QUERY | VN_SQL_WITH, "SELECT" },
	{ "EXPLAIN", READ, VN_SQL_EXPLAINS },
	{ "DECLARE .. FOR", READ, VN_SQL_PREFIX | VN_SQL_LATER },
	{ "COPY", WRITES, VN_SQL_COPIES, "COPY FROM" },
	{ "BEGIN", VN_IS_BEGIN },
	{ "COMMIT", VN_IS_COMMIT },
	{ "VACUUM", VN_IS_WRITE },
	{ "PREPARE @ .. AS", 0, VN_SQL_PREPARES | VN_SQL_PREFIX },
	{ "EXECUTE @", READ, VN_SQL_EXECUTES },
	{ "EXECUTE", READ, VN_SQL_IMMEDIATE },
	{ "DEALLOCATE @", 0, VN_SQL_FORGETS },
	{ "CREATE *OR|REPLACE TEMP TABLE ?IF ?NOT ?EXISTS @", VN_IS_WRITE, VN_SQL_TEMPORARY },
	{ "DROP TABLE @", WRITES, VN_SQL_DROPS | VN_SQL_ALLOWED, "DROP TABLE" },
	{ "CREATE *OR|REPLACE TABLE @ .. AS", WRITES, 0, "CREATE TABLE AS" },
	{ "CREATE", WRITES, 0, "CREATE" },
	{ 0 }
};

static size_t comment(struct vn_span s)
{
	bool line = s.n > 1 && s.p[0] == '-' && s.p[1] == '-',
	     block = s.n > 1 && s.p[0] == '/' && s.p[1] == '*';
	const char *stop = line ? "\n" : "*/";
	const uint8_t *end = line || block ? memmem(s.p + 2, s.n - 2, stop, strlen(stop)) : NULL;

	return !line && !block ? 0 : end ? (size_t)(end - s.p) + strlen(stop) : s.n;
}

static const struct vn_sql with_dollars = { keywords, comment, .dollar = true, .names = "\"`",
	                                    .own = FORBIDDEN };
static const struct vn_sql with_backslashes = { keywords,     comment,          .backslash = true,
	                                        .names = "`", .own = FORBIDDEN, .explains = true };

static struct vn_text_cache texts;
static struct vn_buffer scratch;
static struct vn_session session;

static int set_up(void **state)
{
	text_cache_init(&texts, TEXT_CACHE_ROOM);
	session = (struct vn_session){ .texts = &texts, .scratch = &scratch, .judged = true };
	return 0;
}

static int tear_down(void **state)
{
	text_cache_free(&texts);
	buffer_free(&scratch);
	scratch = (struct vn_buffer){ 0 };
	return 0;
}

/* The text lies flush against the end of its memory, so that sanitizers see a byte too far. */
static struct vn_sql_deed judged(const struct vn_sql *sql, const char *text, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	struct vn_span s = { copy, n };
	buffer_clear(&scratch);
	struct vn_sql_deed deed = vn_sql_judge(&session, sql, &s);
	assert_int_equal(s.n, n);
	assert_memory_equal(s.p, text, n);
	free(copy);
	return deed;
}

static void expect_of(const struct vn_sql *sql, const char *text, unsigned is, const char *tag)
{
	struct vn_sql_deed deed = judged(sql, text, strlen(text));
	const char *got = deed.row ? keywords[deed.row - 1].tag : NULL;

	if (deed.is != is || (tag && strcmp(got ? got : "", tag)))
		fail_msg("%s: %#x %s, expected %#x %s", text, deed.is, got ? got : "-", is,
		         tag ? tag : "-");
}

static void expect(const char *text, unsigned is, const char *tag)
{
	expect_of(&with_dollars, text, is, tag);
}

static void words(void **state)
{
	expect("", 0, NULL);
	expect(" ; -- x\n /* y */ ;", 0, NULL);
	expect("select 1", READ, "SELECT");
	expect("((SeLeCt 1))", READ, "SELECT");
	expect("SELECTED", UNKNOWN, NULL);
	expect("frobnic", UNKNOWN, NULL);
	expect("/* a */ insert -- b\n into t", WRITES, "INSERT");
	expect("select * from t for/**/update", READ | FORBIDDEN, "SELECT FOR UPDATE");
	expect("select 1 for update", READ, "SELECT");                  /* of no table */
	expect("select * from dual for update", READ, "SELECT");
	expect("select a.into from t", READ, "SELECT");                 /* part of a name */
	expect("select 1 into x", READ | WRITES, "SELECT INTO");
	expect("select nextval('s'), f(nextval ('s'))", READ | WRITES, "nextval()");
	expect("select \"nextval\"('s')", READ | WRITES, "nextval()");
	expect("select nextval from t", READ, "SELECT");
	expect("select 1; insert into t values (1)", READ | WRITES, "INSERT");
	expect("select 1; frobnic", READ | UNKNOWN, NULL);
	expect("begin; insert into t values (1); commit", VN_IS_BEGIN | WRITES, "INSERT");
	expect("create or replace table t (a int) as select 1", WRITES, "CREATE TABLE AS");
	expect("create table t (a int generated always as (1))", WRITES, "CREATE");
	expect("vacuum", VN_IS_WRITE, NULL);
	expect("select * from f(1, 2) for update", READ, "SELECT");
	expect("select * from f(1, 2), t for update", READ | FORBIDDEN, "SELECT FOR UPDATE");
	expect("select * from (select 1) x for update", READ, "SELECT");
}

static void quotes(void **state)
{
	expect("select 'for update; insert into t' from t", READ, "SELECT");
	expect("select 'it''s; insert' from t", READ, "SELECT");
	/* no escape there ... */
	expect("select 'a\\'; insert into t", READ | WRITES, "INSERT");
	expect("select E'a\\'; insert into t", READ, "SELECT");                 /* ... but here */
	expect_of(&with_backslashes, "select 'a\\'; insert into t", READ, "SELECT");
	expect("select \"for\" update from \"insert\"", READ, "SELECT");
	expect_of(&with_backslashes, "select \"a\\\"; insert into t\"", READ, "SELECT");
	expect("select $$; insert into t$$", READ, "SELECT");
	expect("select $x$; $$ insert $y$ $x$; insert into t", READ | WRITES, "INSERT");
	expect("select $1; insert into t values ($2)", READ | WRITES, "INSERT");
	expect("select 'unfinished; insert into t", READ, "SELECT");
	expect("select $x$unfinished; insert into t", READ, "SELECT");
	expect("select /* unfinished; insert into t", READ, "SELECT");
}

static void inside_others(void **state)
{
	expect("with x as (insert into t values (1) returning a) select * from x", READ | WRITES,
	       "SELECT");
	expect("with x as (select 1) insert into t select * from x", WRITES, "INSERT");
	expect("with x as (select * from t) select * from x for update", READ, "SELECT");
	expect("with x as (select * from t for update) select 1", READ | FORBIDDEN,
	       "SELECT FOR UPDATE");
	expect("with \"insert\" as (select 'insert') select 1", READ, "SELECT");
	expect("explain insert into t values (1)", READ, NULL);
	expect("explain analyze insert into t values (1)", READ | WRITES, "INSERT");
	expect("explain (costs off, analyze) insert into t values (1)", READ | WRITES, "INSERT");
	expect("explain (analyze off) insert into t values (1)", READ, NULL);
	expect("explain (select 1)", READ, NULL);
	expect_of(&with_backslashes, "explain format=json insert into t values (1)",
	          READ | FORBIDDEN, "INSERT");
	expect("declare c cursor for select nextval('s')", READ, NULL);
	expect("declare c cursor for select * from t for update", READ | FORBIDDEN,
	       "SELECT FOR UPDATE");
	expect("copy t from stdin", WRITES, "COPY FROM");
	expect("copy \"from\" (a) to stdout", READ, NULL);
	expect("copy (insert into t values (1)) to stdout", READ | WRITES, "INSERT");
}

static void kept(void **state)
{
	expect("prepare p (int) as insert into t values ($1); select 1", READ, NULL);
	expect("execute P(1)", WRITES, "INSERT");
	expect("explain analyze execute p(1)", READ | WRITES, "INSERT");
	expect("prepare p as select 1; execute p", READ, NULL);
	expect("deallocate p", 0, NULL);
	expect("execute p", READ | UNKNOWN, NULL);
	expect("execute 'insert into t values (1)'", WRITES, "INSERT");
	expect("execute \"x\"", READ | UNKNOWN, NULL);
	expect("insert into x values (1)", WRITES, "INSERT");
	expect("create temp table if not exists app.X (a int)", VN_IS_WRITE, NULL);
	expect("insert into x values (1)", VN_IS_WRITE, "INSERT");
	expect("insert into \"X\" values (1)", WRITES, "INSERT");
	expect("select * from x for update", READ, "SELECT");
	expect("select * from x, t for update", READ | FORBIDDEN, "SELECT FOR UPDATE");
	expect("drop table x", VN_IS_WRITE, NULL);
	expect("insert into x values (1)", WRITES, "INSERT");
	const char *text = "create temp table y (a int)";
	expect(text, VN_IS_WRITE, NULL);
	vn_sql_undo(&session, &with_dollars,
	            (struct vn_span){ (const uint8_t *)text, strlen(text) });
	expect("insert into y values (1)", WRITES, "INSERT");
	expect("prepare a as execute a", 0, NULL);
	expect("execute a", UNKNOWN, NULL);     /* for ever, if one looked on */
	expect("prepare b as prepare c as delete", 0, NULL);
	expect("execute b", 0, NULL);
	/* what stands in a text that is kept is not kept */
	expect("execute c", READ | UNKNOWN, NULL);
}

/* Where no rule may refuse, only the first words are looked at; but what is kept is kept. */
static void asked_by_nobody(void **state)
{
	session.judged = false;
	expect("select * from t for update; insert into t", READ, "SELECT");
	expect("prepare p as insert into t values (1)", 0, NULL);
	session.judged = true;
	expect("execute p", WRITES, "INSERT");
}

static char *repeated(const char *what, size_t n)
{
	char *text = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = what[i % strlen(what)];
	text[n] = 0;
	return text;
}

/* Of a text of megabytes only its beginning is looked at; what is behind that nobody knows. */
static void bounds(void **state)
{
	static const char *const hostile[] = {
		"(",
		"with ",
		"with a as (",
		"explain ",
		"explain analyze ",
		"prepare a as ",
		"select 1;",
		"a,",
		"from a.",
		"for ",
		"$",
		"$a$",
		"'",
		"/*",
		"select nextval(",
		"declare a for ",
		"copy (",
		"create table a ",
		"execute a;",
		"\\'",
		"with set statement ",
		"select * from a, ",
	};
	struct timespec from, to;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
		char *text = repeated(hostile[i], 4 << 20);
		judged(&with_dollars, text, 4 << 20);
		judged(&with_backslashes, text, 4 << 20);
		free(text);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
	            (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	if (ms > 3000)                  /* it is 200, copying them included; sanitizers take more */
		fail_msg("%.0f ms", ms);
	char *text = repeated("select a,", VN_SQL_TEXT_MAX);
	assert_int_equal(judged(&with_dollars, text, VN_SQL_TEXT_MAX).is, READ | UNKNOWN);
	assert_int_equal(judged(&with_dollars, text, VN_SQL_TEXT_MAX - 1).is, READ);
	memcpy(text, "insert into t", 13);
	assert_int_equal(judged(&with_dollars, text, VN_SQL_TEXT_MAX).is & ~(unsigned)READ, WRITES);
	free(text);
}

/* Words thrown together: nothing is read beyond the text, and it comes to an end. */
static void nonsense(void **state)
{
	static const char *const pieces[] = {
		"select ",
		"insert into t",
		"with x as ",
		"(",
		")",
		";",
		"'",
		"\"",
		"$$",
		"$a$",
		"/*",
		"*/",
		"--",
		"\n",
		"explain ",
		"analyze ",
		"prepare p as ",
		"execute p ",
		"copy ",
		" from ",
		" to ",
		"for update",
		"nextval(",
		".",
		",",
		"\\'",
		"E'",
		"create temp table x",
		"drop table x",
	};
	uint64_t seed = 42;
	char text[400];

	for (int i = 0; i < 20000; i++) {
		size_t n = 0;
		while (n < 300 &&
		       (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 60) {
			const char *piece =
				pieces[(seed >> 33) % (sizeof pieces / sizeof pieces[0])];
			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
		}
		judged(i & 1 ? &with_dollars : &with_backslashes, text, n);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(words, set_up, tear_down),
	cmocka_unit_test_setup_teardown(quotes, set_up, tear_down),
	cmocka_unit_test_setup_teardown(inside_others, set_up, tear_down),
	cmocka_unit_test_setup_teardown(kept, set_up, tear_down),
	cmocka_unit_test_setup_teardown(asked_by_nobody, set_up, tear_down),
	cmocka_unit_test_setup_teardown(bounds, set_up, tear_down),
	cmocka_unit_test_setup_teardown(nonsense, set_up, tear_down),
};

SUITE(sql, tests)
