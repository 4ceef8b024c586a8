/* splice.c - tests of how much is read while bulk is spliced. */
#include "engine/splice.h"

#include "unit.h"

enum { BUFFER = 262144, BIG = 131072 };

struct ground {                         /* one connection of one worker */
	struct worker worker;
	struct shard shard;
	struct conn conn;
	struct pipe_work work;
	struct pipe *pipe;
};

static void ground_make(struct ground *g)
{
	g->worker.bufsize = BUFFER;
	g->worker.bulk = BIG;
	g->shard.worker = &g->worker;
	g->conn.shard = &g->shard;
	g->pipe = &g->conn.response;
	*g->pipe = (struct pipe){ .conn = &g->conn, .work = &g->work, .direction = VN_RESPONSE };
}

static void after_a_splice_the_next_head_is_sought(void **state)
{
	struct ground g = { 0 };

	ground_make(&g);
	splice_note(g.pipe, BUFFER);
	assert_int_equal(splice_head(g.pipe), BUFFER);  /* nothing was spliced yet */
	g.pipe->bulk = 3;
	assert_int_equal(splice_head(g.pipe), 4096);
	g.work.unparsed_n = 4096;                       /* the parser needs more */
	splice_headed(g.pipe, 4096);
	assert_int_equal(splice_head(g.pipe), 32768 - 4096);
	g.work.unparsed_n = 32768;
	splice_headed(g.pipe, 32768);
	assert_int_equal(splice_head(g.pipe), UNPARSED_MAX - 32768);
	g.work.unparsed_n = 0;
	g.work.now.body = BIG;                          /* it has found a big body */
	splice_headed(g.pipe, UNPARSED_MAX);
	g.work.now.body = 0;                            /* which was spliced */
	assert_int_equal(splice_head(g.pipe), 4096);
}

static void what_is_no_bulk_is_read_at_once(void **state)
{
	struct ground g = { 0 };

	ground_make(&g);
	g.pipe->bulk = 3;
	g.work.now.body = BIG - 1;
	assert_int_equal(splice_head(g.pipe), BUFFER);
	g.work.unparsed_n = 10;
	splice_headed(g.pipe, 4096);                    /* small messages, and part of one */
	g.work.now.body = 0;
	assert_int_equal(splice_head(g.pipe), BUFFER);
	g.pipe->bulk = 3;
	g.pipe->raw = true;
	assert_int_equal(splice_head(g.pipe), BUFFER);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(after_a_splice_the_next_head_is_sought),
	cmocka_unit_test(what_is_no_bulk_is_read_at_once),
};

SUITE(splice, tests)
