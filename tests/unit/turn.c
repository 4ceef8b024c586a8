/* turn.c - tests of a connection's turn: one that always has bytes lets the others run. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/accept.h"
#include "engine/listener.h"
#include "engine/shard.h"
#include "engine/worker.h"
#include "net/bind.h"
#include "spec/registry.h"
#include "unit.h"

enum { BUFFER = 1024, READS = 12 };     /* fewer than the engine's bound of reads */

static struct worker worker;
static struct shard *shard;
static struct endpoint front, back;
static int listening, client, backend;

static struct spec *stage_spec(void)
{
	struct spec *s = calloc(1, sizeof *s);
	char error[ERROR_MAX], text[64];

	assert(s);
	address_parse(&s->backend, endpoint_show(&back, text, sizeof text), error, sizeof error);
	address_parse(&s->listen, "127.0.0.1:0", error, sizeof error);
	atomic_store(&s->refs, 1);
	s->name = strdup("turn");
	s->behavior = strdup("dummy");
	s->enabled = true;
	s->protocol = protocol_find("tcp");
	opt_values_init(&s->protocol_values, s->protocol->options, s->protocol->opts_size);
	s->hold_max = 1 << 20;
	return s;
}

static int set_up(void **state)
{
	struct worker_config words = { .bufsize = BUFFER, .hold_total = 1 << 20 };
	struct address any;
	char error[ERROR_MAX];

	address_parse(&any, "127.0.0.1:0", error, sizeof error);
	listening = bind_address(&any, 8, &back, error, sizeof error);
	worker_init(&worker, &worker, 0, 1, NULL, &words);
	shard_make(&shard, &worker, 1, 1);
	struct spec *s = stage_spec();
	shard_start(shard, s);
	spec_unref(s);
	listener_start(shard, bind_address(&any, 8, &front, error, sizeof error), NULL);
	address_free(&any);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client, (struct sockaddr *)&front.addr, front.len))
		return 1;
	for (backend = -1; backend < 0;) {
		loop_once(&worker.loop, false);
		backend = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	while (loop_once(&worker.loop, false))
		;
	return 0;
}

static int tear_down(void **state)
{
	close(client);
	close(backend);
	close(listening);
	worker_end(&worker);
	worker_free(&worker);
	return 0;
}

static uint64_t reads(void)
{
	return count_get(&shard->stats.n[STAT_READS_REQUEST]);
}

static void pour(void)
{
	char bytes[BUFFER * READS] = { 0 };

	assert_int_equal(send(client, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
}

/* Reads of a round: one turn for the event, and one at the end of the round. */
static void a_turn_ends_with_its_time(void **state)
{
	uint64_t was, most = 0;
	size_t came = 0;
	char bytes[BUFFER];

	worker.turn = 0;
	pour();
	while (came < BUFFER * READS) {
		was = reads();
		loop_once(&worker.loop, false);
		most = reads() - was > most ? reads() - was : most;
		for (ssize_t n; (n = read(backend, bytes, sizeof bytes)) > 0;)
			came += (size_t)n;
	}
	assert_in_range(most, 2, 6);
}

/* Without one that waits for long, all is read in one turn. */
static void a_turn_is_long_enough(void **state)
{
	worker.turn = VN_S;
	pour();
	while (!reads())
		loop_once(&worker.loop, false);
	assert_int_equal(reads(), READS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_turn_ends_with_its_time, set_up, tear_down),
	cmocka_unit_test_setup_teardown(a_turn_is_long_enough, set_up, tear_down),
};

SUITE(turn, tests)
