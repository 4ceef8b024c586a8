/* text_cache.c - bounded cache of texts by number, such as a connection's prepared statements. */
#include "base/text_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SLOT_BITS = 8, SLOTS = 1 << SLOT_BITS };

struct cached_text {
	struct cached_text *older, *newer;      /* by age */
	struct cached_text *next;               /* in the same slot */
	uint64_t key;
	size_t n;
	uint8_t text[];
};

static size_t cost(size_t n) { return sizeof(struct cached_text) + n; }

void text_cache_init(struct vn_text_cache *s, size_t room)
{
	*s = (struct vn_text_cache){ .room = room };
}

static struct cached_text **slot_of(const struct vn_text_cache *s, uint64_t key)
{
	return &s->slots[key * 0x9e3779b97f4a7c15u >> (64 - SLOT_BITS)];
}

/* Returns the place of the pointer to a key's text. That pointer is NULL if there is none. */
static struct cached_text **text_cache_find(const struct vn_text_cache *s, uint64_t key)
{
	struct cached_text **at = slot_of(s, key);

	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

static void age_unlink(struct vn_text_cache *s, struct cached_text *t)
{
	*(t->older ? &t->older->newer : &s->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &s->newest) = t->older;
}

static void age_append(struct vn_text_cache *s, struct cached_text *t)
{
	t->newer = NULL;
	t->older = s->newest;
	*(s->newest ? &s->newest->newer : &s->oldest) = t;
	s->newest = t;
}

void vn_text_cache_drop(struct vn_text_cache *s, uint64_t key)
{
	if (!s->slots)
		return;
	struct cached_text **at = text_cache_find(s, key), *t = *at;
	if (!t)
		return;
	*at = t->next;
	age_unlink(s, t);
	s->used -= cost(t->n);
	free(t);
}

void vn_text_cache_put(struct vn_text_cache *s, uint64_t key, struct vn_span text)
{
	vn_text_cache_drop(s, key);
	if (text.n > s->room || cost(text.n) > s->room)
		return;
	while (s->used + cost(text.n) > s->room)
		vn_text_cache_drop(s, s->oldest->key);
	if (!s->slots)
		s->slots = xcalloc(SLOTS, sizeof s->slots[0]);
	struct cached_text *t = xmalloc(cost(text.n)), **slot;
	slot = slot_of(s, key);
	t->key = key;
	t->n = text.n;
	if (text.n)
		memcpy(t->text, text.p, text.n);
	t->next = *slot;
	*slot = t;
	age_append(s, t);
	s->used += cost(t->n);
}

void vn_text_cache_move(struct vn_text_cache *s, uint64_t from, uint64_t to)
{
	if (!s->slots || from == to || !*text_cache_find(s, from))
		return;
	vn_text_cache_drop(s, to);
	struct cached_text **at = text_cache_find(s, from), *t = *at;

	assert(t);
	*at = t->next;
	t->key = to;
	t->next = *slot_of(s, to);
	*slot_of(s, to) = t;
}

struct vn_span vn_text_cache_get(struct vn_text_cache *s, uint64_t key)
{
	const struct cached_text *t = s->slots ? *text_cache_find(s, key) : NULL;

	return t ? (struct vn_span){ t->text, t->n } : (struct vn_span){ 0 };
}

void text_cache_free(struct vn_text_cache *s)
{
	while (s->oldest)
		vn_text_cache_drop(s, s->oldest->key);
	free(s->slots);
	*s = (struct vn_text_cache){ .room = s->room };
}
