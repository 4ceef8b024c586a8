/* bulk.c - test with bulk in both directions, through two real workers.
 *
 * Rules come and go a hundred times a second. Every byte must arrive once, in order.
 *
 * A stream is a function of its seed: plain bytes, or messages of `line` with bodies of all sizes.
 * Both ends of a connection are one thread, which now and then does not read for a while. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model.h"
#include "stage.h"

enum { PAIRS = 4, CHUNK = 1 << 18, BODY_MAX = 3 << 20 };

struct stream {                         /* what one end sends, or what the other must receive */
	uint64_t seed, offset, end;
	bool lines;
	uint64_t messages, body;        /* messages begun; bytes left of the latest one's body */
	char head[48]; size_t head_n;   /* its head: the last head_n bytes are left */
};

struct flow {
	int from, to;
	struct stream said, heard;
	size_t kept, kept_n;            /* bytes of chunk[kept..kept_n) are still to be sent */
	uint8_t *chunk;
	bool shut, over;
	unsigned deaf;                  /* turns during which it does not read */
};

struct play {
	struct stage stage;
	_Atomic bool failed;
	_Atomic unsigned left;          /* pairs that are not done */
	uint64_t seed, bytes;
};

struct pair { struct play *play; uint64_t seed; int client, backend; };

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

static void fill(uint8_t *to, size_t n, uint64_t seed, uint64_t offset)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++, offset++) {
		if (!i || offset % 8 == 0)
			word = mix(seed + offset / 8);
		to[i] = (uint8_t)(word >> offset % 8 * 8);
	}
}

static void message_begin(struct stream *s)
{
	uint64_t dice = mix(s->seed * 31 + ++s->messages);
	uint64_t most = dice % 8 == 0 ? BODY_MAX : dice % 8 == 1 ? 200000 : 300;

	s->body = 1 + dice / 8 % most;
	s->head_n = (size_t)snprintf(s->head, sizeof s->head, "#%llu m%llu\n",
	                             (unsigned long long)s->body, (unsigned long long)s->messages);
}

/* Returns the next bytes of the stream, at most n. After `end` a stream of messages begins no new
 * one. */
static size_t stream_next(struct stream *s, uint8_t *to, size_t n)
{
	size_t at = 0;

	while (at < n &&
	       (s->lines ? s->head_n || s->body || s->offset < s->end : s->offset < s->end)) {
		uint64_t left = s->lines ? s->body : s->end - s->offset;
		if (s->lines && !s->head_n && !s->body) {
			message_begin(s);
			continue;
		}
		size_t m = s->head_n ? s->head_n : left < CHUNK ? (size_t)left : CHUNK;
		if (m > n - at)
			m = n - at;
		if (s->head_n) {
			memcpy(to + at, s->head + strlen(s->head) - s->head_n, m);
			s->head_n -= m;
		} else {
			fill(to + at, m, s->seed, s->offset);
			s->body -= s->lines ? m : 0;
		}
		s->offset += m;
		at += m;
	}
	return at;
}

static void fails(struct play *g, const struct flow *f, const char *what)
{
	if (!atomic_exchange(&g->failed, true))
		printf("model: bulk, seed %llu: a stream of %llu bytes, at %llu: %s\n",
		       (unsigned long long)g->seed, (unsigned long long)f->said.end,
		       (unsigned long long)f->heard.offset, what);
}

static bool flow_send(struct play *g, struct flow *f, uint64_t dice)
{
	if (f->kept == f->kept_n) {
		f->kept = 0;
		f->kept_n = stream_next(&f->said, f->chunk, dice % 4 ? CHUNK : 1 + dice / 4 % 2000);
	}
	if (f->kept == f->kept_n) {
		if (!f->shut)
			shutdown(f->from, SHUT_WR);
		return !f->shut && (f->shut = true);
	}
	ssize_t n =
		send(f->from, f->chunk + f->kept, f->kept_n - f->kept, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		fails(g, f, strerror(errno));
	f->kept += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool flow_hear(struct play *g, struct flow *f, uint64_t dice)
{
	static _Thread_local uint8_t got[CHUNK], want[CHUNK];

	if (f->over)
		return false;
	if (f->deaf) {
		f->deaf--;
		return true;
	}
	f->deaf = dice % 100 ? 0 : 200;
	ssize_t n = recv(f->to, got, CHUNK, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN)
			fails(g, f, strerror(errno));
		return false;
	}
	if (stream_next(&f->heard, want, (size_t)n) < (size_t)n || memcmp(got, want, (size_t)n))
		fails(g, f, "other bytes than were sent");
	if (!n && stream_next(&f->heard, want, 1))
		fails(g, f, "it ends too early");
	f->over = !n;
	return true;
}

static void flow_begin(struct flow *f, int from, int to, uint64_t seed, uint64_t bytes, bool lines)
{
	struct stream s = { .seed = seed, .end = bytes, .lines = lines };

	*f = (struct flow){ .from = from, .to = to, .said = s, .heard = s, .chunk = malloc(CHUNK) };
	fcntl(from, F_SETFL, O_NONBLOCK);
}

static void pair_meet(struct pair *p, struct play *g, uint64_t seed)
{
	struct pollfd listening = { g->stage.listening, POLLIN };

	*p = (struct pair){ g, seed, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), -1 };
	if (connect(p->client, (struct sockaddr *)&g->stage.front.addr, g->stage.front.len))
		abort();
	while ((p->backend = accept4(g->stage.listening, NULL, NULL, SOCK_CLOEXEC)) < 0)
		poll(&listening, 1, 100);
}

static void *pair_talks(void *arg)
{
	struct pair *p = arg;
	struct play *g = p->play;
	struct flow up, down;
	bool lines = !strcmp(g->stage.protocol, "line");

	flow_begin(&up, p->client, p->backend, p->seed, g->bytes, lines);
	flow_begin(&down, p->backend, p->client, p->seed + 1, g->bytes, lines);
	for (uint64_t turn = p->seed; !(up.over && down.over) && !atomic_load(&g->failed); turn++) {
		uint64_t dice = mix(turn);
		bool any = flow_send(g, &up, dice) | flow_send(g, &down, dice >> 8);
		any |= flow_hear(g, &up, dice >> 16);
		any |= flow_hear(g, &down, dice >> 24);
		struct pollfd both[2] = { { p->client, POLLIN }, { p->backend, POLLIN } };
		if (!any)
			poll(both, 2, 1);
	}
	close(p->client);
	close(p->backend);
	free(up.chunk);
	free(down.chunk);
	atomic_fetch_sub(&g->left, 1);
	return NULL;
}

static struct spec *play_spec(const struct play *g, unsigned round)
{
	struct spec *s = stage_spec(&g->stage, 2);

	if (round % 4 == 1)
		stage_rule(s, "late", "toy_late", round % 8 == 1 ? "before" : "after", "1", 0, 0.5);
	if (round % 4 == 2)
		stage_rule(s, "slow", "toy_slow", "after", "1", 0, round % 8 == 2 ? 1 : 0.5);
	if (round % 8 == 4)
		stage_rule(s, "open", "toy_late", "after", "0", 0, 1);
	return s;
}

/* The pace of changes, a hundred a second. It waits for nothing. */
static void *changer(void *arg)
{
	struct play *g = arg;

	for (unsigned round = 1; atomic_load(&g->left); round++) {
		stage_change(&g->stage, play_spec(g, round));
		poll(NULL, 0, 10);
	}
	return NULL;
}

bool bulk_story(uint64_t seed, uint64_t bytes)
{
	struct play *g = calloc(1, sizeof *g);
	struct worker_config words = { .seed = seed,
		                       .bufsize = seed % 3 ? 1 << 18 : 5000,
		                       .hold_total = 64 << 20,
		                       .bulk = seed % 3 && seed % 4 > 1 ? 1 << 17 : 1 };
	pthread_t change, talks[PAIRS];
	struct pair pairs[PAIRS];
	uint64_t moved = 0;

	assert(g);
	g->seed = seed;
	g->bytes = bytes;
	g->left = PAIRS;
	stage_begin(&g->stage, seed % 2 ? "tcp" : "line", &words);
	for (int i = 0; i < PAIRS; i++) {
		pair_meet(&pairs[i], g, seed << 20 | (uint64_t)i << 8);
		pthread_create(&talks[i], NULL, pair_talks, &pairs[i]);
	}
	pthread_create(&change, NULL, changer, g);
	for (int i = 0; i < PAIRS; i++)
		pthread_join(talks[i], NULL);
	pthread_join(change, NULL);
	stage_end(&g->stage);
	for (int i = 0; i < STAGE_WORKERS; i++)
		moved += g->stage.workers[i].splice_pipes.moved;
	if (!moved && !g->failed)
		printf("model: bulk, seed %llu: nothing went by splice\n",
		       (unsigned long long)seed);
	bool ok = !g->failed && moved;
	free(g);
	return ok;
}
