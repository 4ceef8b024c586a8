/* threads.c - two workers as real threads, under traffic, while their rules change: what must hold always.
 *
 * Each client asks in lock step or in batches and must get its answers in order, each either the
 * echo of its question or a refusal; nothing may be lost, doubled or mixed up. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "model.h"
#include "registry.h"
#include "worker.h"

enum { WORKERS = 2, CLIENTS = 16, BATCHES = 60, CHANGES = 200 };

struct stage {
	struct worker workers[WORKERS];
	struct proxy *parts[WORKERS];
	struct endpoint front, back;
	int listening;
	_Atomic bool stop, failed;
	uint64_t seed;
};

static struct rule_spec rule_make(const char *name, const char *behavior, const char *option, const char *value, double low, double high, uint64_t id)
{
	struct rule_spec r = { .name = strdup(name), .behavior = behavior_find(behavior), .low = low, .high = high, .every = 1, .times = UINT64_MAX, .until = NEVER, .id = id, .origin = id };
	char error[SENTENCE];

	block_init(&r.block, r.behavior->options, r.behavior->opts_size);
	bool ok = opt_set_text(&r.block, opt_find(r.behavior->options, option), value, error);
	assert(ok);
	r.tally = calloc(1, sizeof *r.tally);
	assert(r.tally);
	atomic_store(&r.tally->refs, 1);
	return r;
}

static struct spec *toy_spec(struct stage *g, unsigned round)
{
	static uint64_t ids;
	struct spec *s = calloc(1, sizeof *s);
	char error[SENTENCE], text[64];

	assert(s);
	endpoint_show(&g->back, text, sizeof text);
	address_parse(&s->backend, text, error, sizeof error);
	address_parse(&s->listen, "127.0.0.1:0", error, sizeof error);
	atomic_store(&s->refs, 1);
	s->name = strdup("threads");
	s->enabled = true;
	s->behavior = strdup("dummy");
	s->protocol = protocol_find("line");
	block_init(&s->protocol_block, NULL, 0);
	s->hold_max = 1 << 20;
	s->linger = NSEC_S;
	s->rules = calloc(3, sizeof *s->rules);
	if (round % 2)
		s->rules[s->n_rules++] = rule_make("late", "toy_late", round % 4 == 1 ? "before" : "after", "3", 0, 0.5, ++ids);
	if (round % 3)
		s->rules[s->n_rules++] = rule_make("no", "toy_refused", "failure", round % 3 == 1 ? "no" : "quiet", 0, 0.3, ++ids);
	if (round % 5 == 4)
		s->rules[s->n_rules++] = rule_make("hang", "toy_hung", "n", "0", 0, 0.2, ++ids);
	return s;
}

struct letter { struct mail mail; struct proxy *part; struct spec *to; };

static void letter_open(struct mail *m)
{
	struct letter *l = (struct letter *)m;

	proxy_change(l->part, l->to);
	spec_drop(l->to);
	free(l);
}

struct farewell { struct mail mail; struct loop *loop; };

static void farewell_open(struct mail *m)
{
	struct farewell *f = (struct farewell *)m;

	f->loop->stop = true;
	free(f);
}

static void *changer(void *arg)
{
	struct stage *g = arg;

	for (unsigned round = 1; round <= CHANGES + 1; round++) {
		bool last = round > CHANGES;
		struct spec *s = toy_spec(g, last ? 0 : round);
		for (int i = 0; i < WORKERS; i++) {
			struct letter *l = calloc(1, sizeof *l);
			assert(l);
			*l = (struct letter){ .mail.open = letter_open, .part = g->parts[i], .to = spec_hold(s) };
			loop_post(&g->workers[i].loop, &l->mail);
		}
		spec_drop(s);
		if (!last)
			poll(NULL, 0, 5);       /* the pace of changes, not a wait for anything */
	}
	return NULL;
}

static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && recv(fd, line + n, 1, 0) == 1)
		if (line[n++] == '\n') {
			line[n] = 0;
			return true;
		}
	return false;
}

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char line[64];

	while (read_line(fd, line, sizeof line)) {
		*line = '=';
		if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			break;
	}
	close(fd);
	return NULL;
}

static void *backend(void *arg)
{
	struct stage *g = arg;
	pthread_t echoes[CLIENTS];
	int n = 0;

	while (n < CLIENTS) {
		struct pollfd p = { g->listening, POLLIN };
		poll(&p, 1, 100);
		int fd = accept4(g->listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			pthread_create(&echoes[n++], NULL, echo, (void *)(intptr_t)fd);
	}
	while (n)
		pthread_join(echoes[--n], NULL);
	return NULL;
}

static void client_fails(struct stage *g, const char *want, const char *got)
{
	printf("model: threads, seed %llu: expected the answer to '%s', got '%s'\n", (unsigned long long)g->seed, want, got);
	atomic_store(&g->failed, true);
}

static void *client(void *arg)
{
	struct stage *g = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[64], want[64];
	unsigned asked = 0, answered = 0;

	if (connect(fd, (struct sockaddr *)&g->front.addr, g->front.len))
		client_fails(g, "connect", strerror(errno));
	for (unsigned b = 0; b < BATCHES && !atomic_load(&g->failed); b++) {
		char batch[2048] = "";
		for (unsigned i = 0; i <= b % 20; i++)
			sprintf(batch + strlen(batch), "?%u\n", ++asked);
		if (send(fd, batch, strlen(batch), MSG_NOSIGNAL) < 0)
			client_fails(g, batch, strerror(errno));
		while (answered < asked) {
			snprintf(want, sizeof want, "=%u\n", ++answered);
			if (!read_line(fd, line, sizeof line))
				client_fails(g, want, "the end");
			else if (strcmp(line, want) && strcmp(line, "=Eno\n") && strcmp(line, "=Equiet\n"))
				client_fails(g, want, line);
			if (atomic_load(&g->failed))
				break;
		}
	}
	close(fd);
	return NULL;
}

bool threads_story(uint64_t seed)
{
	struct stage *g = calloc(1, sizeof *g);
	struct worker_words words = { .seed = seed, .bufsize = 4096, .hold_total = 64 << 20 };
	struct address any;
	char error[SENTENCE];
	pthread_t back, change, clients[CLIENTS];

	assert(g);
	g->seed = seed;
	address_parse(&any, "127.0.0.1:0", error, sizeof error);
	g->listening = listener_bind(&any, 64, &g->back, error, sizeof error);
	struct spec *s = toy_spec(g, 0);
	for (int i = 0; i < WORKERS; i++) {
		worker_init(&g->workers[i], g->workers, (unsigned)i, WORKERS, NULL, &words);
	}
	proxy_make(g->parts, g->workers, WORKERS, 1);
	for (int i = 0; i < WORKERS; i++)
		proxy_begin(g->parts[i], s);
	spec_drop(s);
	listener_start(g->parts[0], listener_bind(&any, 64, &g->front, error, sizeof error), NULL);
	address_free(&any);
	for (int i = 0; i < WORKERS; i++)
		worker_start(&g->workers[i]);
	pthread_create(&back, NULL, backend, g);
	pthread_create(&change, NULL, changer, g);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, client, g);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	pthread_join(change, NULL);
	pthread_join(back, NULL);
	for (int i = 0; i < WORKERS; i++) {
		struct letter *l = calloc(1, sizeof *l);
		assert(l);
		*l = (struct letter){ .mail.open = letter_open, .part = g->parts[i], .to = toy_spec(g, 0) };
		loop_post(&g->workers[i].loop, &l->mail);
	}
	for (int i = 0; i < WORKERS; i++) {
		struct farewell *f = calloc(1, sizeof *f);
		assert(f);
		*f = (struct farewell){ .mail.open = farewell_open, .loop = &g->workers[i].loop };
		loop_post(f->loop, &f->mail);
		pthread_join(g->workers[i].thread, NULL);
	}
	for (int i = 0; i < WORKERS; i++)
		worker_end(&g->workers[i]);
	for (int i = 0; i < WORKERS; i++)
		worker_free(&g->workers[i]);
	close(g->listening);
	bool ok = !g->failed;
	free(g);
	return ok;
}
