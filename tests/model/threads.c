/* threads.c - test with two workers as real threads, whose rules change under traffic.
 *
 * Each client sends one request at a time, or several. It must get its answers in order, each the
 * echo of its request or a refusal. Nothing may be lost, doubled or reordered. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "model.h"
#include "stage.h"

enum { CLIENTS = 16, BATCHES = 60, CHANGES = 200 };

struct play {
	struct stage stage;
	_Atomic bool failed;
	uint64_t seed;
};

static struct spec *play_spec(const struct play *g, unsigned round)
{
	struct spec *s = stage_spec(&g->stage, 3);

	if (round % 2)
		stage_rule(s, "late", "toy_late", round % 4 == 1 ? "before" : "after", "3", 0, 0.5);
	if (round % 3)
		stage_rule(s, "no", "toy_refused", "failure", round % 3 == 1 ? "no" : "quiet", 0,
		           0.3);
	if (round % 5 == 4)
		stage_rule(s, "hang", "toy_hung", "n", "0", 0, 0.2);
	return s;
}

static void *changer(void *arg)
{
	struct play *g = arg;

	for (unsigned round = 1; round <= CHANGES; round++) {
		stage_change(&g->stage, play_spec(g, round));
		poll(NULL, 0, 5);       /* the pace of changes; it waits for nothing */
	}
	stage_change(&g->stage, play_spec(g, 0));
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
	struct play *g = arg;
	pthread_t echoes[CLIENTS];
	int n = 0;

	while (n < CLIENTS) {
		struct pollfd p = { g->stage.listening, POLLIN };
		poll(&p, 1, 100);
		int fd = accept4(g->stage.listening, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			pthread_create(&echoes[n++], NULL, echo, (void *)(intptr_t)fd);
	}
	while (n)
		pthread_join(echoes[--n], NULL);
	return NULL;
}

static void client_fails(struct play *g, const char *want, const char *got)
{
	printf("model: threads, seed %llu: expected the answer to '%s', got '%s'\n",
	       (unsigned long long)g->seed, want, got);
	atomic_store(&g->failed, true);
}

static void *client(void *arg)
{
	struct play *g = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[64], want[64];
	unsigned asked = 0, answered = 0;

	if (connect(fd, (struct sockaddr *)&g->stage.front.addr, g->stage.front.len))
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
			else if (strcmp(line, want) && strcmp(line, "=Eno\n") &&
			         strcmp(line, "=Equiet\n"))
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
	struct play *g = calloc(1, sizeof *g);
	struct worker_config words = { .seed = seed, .bufsize = 4096, .hold_total = 64 << 20 };
	pthread_t back, change, clients[CLIENTS];

	assert(g);
	g->seed = seed;
	stage_begin(&g->stage, "line", &words);
	pthread_create(&back, NULL, backend, g);
	pthread_create(&change, NULL, changer, g);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, client, g);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	pthread_join(change, NULL);
	pthread_join(back, NULL);
	stage_end(&g->stage);
	bool ok = !g->failed;
	free(g);
	return ok;
}
