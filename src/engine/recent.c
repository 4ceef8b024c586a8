/* recent.c - a record of a proxy's requests of the last ten seconds, while somebody looks. */
#include "engine/recent.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { WINDOW_TAKES = 10 };             /* entries that a window is to have */

#define WINDOW (100 * VN_MS)

struct recent {
	struct shard *shard;
	struct timer end;               /* when nobody has looked for long */
	vn_nsec since;
	struct recent_entry *ring;      /* RECENT_MAX; the next one goes to made % RECENT_MAX */
	uint64_t made;

	struct recent_verb verbs[RECENT_VERBS];         /* by hash, then the next free place */

	/* ---- which requests are kept: one of `stride`, at random places ---- */
	vn_nsec window;                 /* when this one began */
	uint32_t came, taken;           /* in this window */
	uint32_t stride;
	uint32_t left, gap;             /* requests until the next entry, of so many */
	uint64_t dice;
};

static void record_end(struct timer *t)
{
	recent_stop(OWNER(recent, end, t)->shard);
}

static struct recent *record_start(struct shard *s)
{
	struct recent *r = xcalloc(1, sizeof *r);
	vn_nsec now = s->worker->loop.now;

	*r = (struct recent){ .shard = s, .end.fire = record_end, .since = now, .window = now,
	                      .stride = 1, .left = 1, .gap = 1, .dice = (uint64_t)now | 1 };
	r->ring = xmalloc(RECENT_MAX * sizeof *r->ring);
	return s->recent = r;
}

void recent_stop(struct shard *s)
{
	struct recent *r = s->recent;

	if (!r)
		return;
	timer_stop(&s->worker->loop, &r->end);
	free(r->ring);
	free(r);
	s->recent = NULL;
}

/* ---- recording ---- */

/* A verb without a place is not counted: the protocols have fewer. */
static void verb_count(struct recent *r, const char *verb)
{
	unsigned hash = 5381;

	for (const char *c = verb; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	for (unsigned i = 0; i < RECENT_VERBS; i++) {
		struct recent_verb *v = &r->verbs[(hash + i) % RECENT_VERBS];
		if (!v->n)
			memcpy(v->name, verb, strlen(verb) + 1);
		if (strcmp(v->name, verb) != 0)
			continue;
		v->n++;
		return;
	}
}

/* A new gap: `stride` in the mean. These dice decide nothing else. */
static void gap_draw(struct recent *r)
{
	r->dice ^= r->dice << 13;
	r->dice ^= r->dice >> 7;
	r->dice ^= r->dice << 17;
	r->gap = r->left = 1 + (uint32_t)(r->dice % (2 * r->stride - 1));
}

static void window_turn(struct recent *r, vn_nsec now)
{
	bool long_ago = now - r->window > 2 * WINDOW;

	r->stride = long_ago || r->came < WINDOW_TAKES ? 1 : r->came / WINDOW_TAKES;
	r->window = now;
	r->came = r->taken = 0;
	if (r->left > r->stride) {      /* it stands for those before it all the same */
		r->gap -= r->left - 1;
		r->left = 1;
	}
}

static void entry_fill(struct recent_entry *e, const struct vn_message *m)
{
	size_t verb = strlen(m->verb), lead = m->lead < m->subject.n ? m->lead : m->subject.n;
	size_t n = m->subject.n - lead, room = RECENT_TEXT - verb - 1;

	n = n < room ? n : room;
	memcpy(e->verb, m->verb, sizeof e->verb);
	memcpy(e->text, m->verb, verb);
	e->text[verb] = ' ';
	if (n)
		memcpy(e->text + verb + 1, m->subject.p + lead, n);
	e->n = (uint16_t)(verb + (n ? 1 + n : 0));
}

void recent_note(struct shard *s, uint64_t connection, uint64_t exchange,
                 const struct vn_message *m)
{
	struct recent *r = s->recent;
	vn_nsec now = s->worker->loop.now;

	if (now - r->window >= WINDOW)
		window_turn(r, now);
	r->came++;
	verb_count(r, m->verb);
	if (--r->left)
		return;
	struct recent_entry *e = &r->ring[r->made++ % RECENT_MAX];
	e->at = now;
	e->connection = connection;
	e->exchange = exchange;
	e->stands = r->gap;
	entry_fill(e, m);
	if (++r->taken % (2 * WINDOW_TAKES) == 0)       /* it has become much more */
		r->stride = 2 * r->stride < 1u << 20 ? 2 * r->stride : r->stride;
	gap_draw(r);
}

/* ---- looking ---- */

static void entry_copy(struct recent_entry *to, const struct recent_entry *from)
{
	memcpy(to, from, offsetof(struct recent_entry, text) + from->n);
}

void recent_take(struct shard *s, struct recent_list *list)
{
	vn_nsec now = loop_clock(&s->worker->loop);
	struct recent *r = s->recent ? s->recent : record_start(s);
	uint64_t n = r->made < RECENT_MAX ? r->made : RECENT_MAX;

	timer_set(&s->worker->loop, &r->end, now + RECENT_IDLE * VN_S);
	*list = (struct recent_list){ .since = r->since };
	memcpy(list->verbs, r->verbs, sizeof list->verbs);
	list->of = xmalloc((n + 1) * sizeof *list->of);
	for (uint64_t i = r->made - n; i < r->made; i++) {
		const struct recent_entry *e = &r->ring[i % RECENT_MAX];
		if (now - e->at <= RECENT_SPAN * VN_S)
			entry_copy(&list->of[list->n++], e);
	}
}
