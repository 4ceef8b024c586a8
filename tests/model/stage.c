/* stage.c - a proxy in two workers with threads of their own, for stories in real time. */
#include "stage.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/accept.h"
#include "net/bind.h"
#include "spec/registry.h"

struct spec *stage_spec(const struct stage *g, unsigned room)
{
	struct spec *s = calloc(1, sizeof *s);
	char error[ERROR_MAX], text[64];

	assert(s);
	endpoint_show(&g->back, text, sizeof text);
	address_parse(&s->backend, text, error, sizeof error);
	address_parse(&s->listen, "127.0.0.1:0", error, sizeof error);
	atomic_store(&s->refs, 1);
	s->name = strdup("stage");
	s->enabled = true;
	s->behavior = strdup("dummy");
	s->protocol = protocol_find(g->protocol);
	opt_values_init(&s->protocol_values, s->protocol->options, s->protocol->opts_size);
	s->hold_max = 1 << 20;
	s->linger = VN_S;
	s->rules = calloc(room + 1, sizeof *s->rules);
	return s;
}

void stage_rule(struct spec *s, const char *name, const char *behavior, const char *option,
                const char *value, double low, double high)
{
	static uint64_t ids;
	struct rule_spec r = { .name = strdup(name),
		               .behavior = behavior_find(behavior),
		               .low = low,
		               .high = high,
		               .every = 1,
		               .times = UINT64_MAX,
		               .until = VN_NEVER,
		               .id = ++ids };
	char error[ERROR_MAX];

	r.origin = r.id;
	opt_values_init(&r.values, r.behavior->options, r.behavior->opts_size);
	bool ok = opt_set_text(&r.values, opt_find(r.behavior->options, option), value, error);
	assert(ok);
	r.counters = calloc(1, sizeof *r.counters);
	assert(r.counters);
	atomic_store(&r.counters->refs, 1);
	s->rules[s->n_rules++] = r;
}

struct letter { struct mail mail; struct shard *part; struct spec *to; };

static void letter_open(struct mail *m)
{
	struct letter *l = (struct letter *)m;

	shard_change(l->part, l->to);
	spec_unref(l->to);
	free(l);
}

void stage_change(struct stage *g, struct spec *s)
{
	for (int i = 0; i < STAGE_WORKERS; i++) {
		struct letter *l = calloc(1, sizeof *l);
		assert(l);
		*l = (struct letter){
			.mail.open = letter_open, .part = g->shards[i], .to = spec_ref(s)
		};
		loop_post(&g->workers[i].loop, &l->mail);
	}
	spec_unref(s);
}

void stage_begin(struct stage *g, const char *protocol, const struct worker_config *words)
{
	struct address any;
	char error[ERROR_MAX];

	g->protocol = protocol;
	address_parse(&any, "127.0.0.1:0", error, sizeof error);
	g->listening = bind_address(&any, 64, &g->back, error, sizeof error);
	struct spec *s = stage_spec(g, 0);
	for (int i = 0; i < STAGE_WORKERS; i++)
		worker_init(&g->workers[i], g->workers, (unsigned)i, STAGE_WORKERS, NULL, words);
	shard_make(g->shards, g->workers, STAGE_WORKERS, 1);
	for (int i = 0; i < STAGE_WORKERS; i++)
		shard_start(g->shards[i], s);
	spec_unref(s);
	listener_start(g->shards[0], bind_address(&any, 64, &g->front, error, sizeof error), NULL);
	address_free(&any);
	for (int i = 0; i < STAGE_WORKERS; i++)
		worker_start(&g->workers[i]);
}

struct farewell { struct mail mail; struct loop *loop; };

static void farewell_open(struct mail *m)
{
	struct farewell *f = (struct farewell *)m;

	f->loop->stop = true;
	free(f);
}

void stage_end(struct stage *g)
{
	stage_change(g, stage_spec(g, 0));
	for (int i = 0; i < STAGE_WORKERS; i++) {
		struct farewell *f = calloc(1, sizeof *f);
		assert(f);
		*f = (struct farewell){ .mail.open = farewell_open, .loop = &g->workers[i].loop };
		loop_post(f->loop, &f->mail);
		pthread_join(g->workers[i].thread, NULL);
	}
	for (int i = 0; i < STAGE_WORKERS; i++)
		worker_end(&g->workers[i]);
	for (int i = 0; i < STAGE_WORKERS; i++)
		worker_free(&g->workers[i]);
	close(g->listening);
}
