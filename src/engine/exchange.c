/* exchange.c - queue of a connection's open exchanges, the oldest first. */
#include "engine/exchange.h"

#include <string.h>

#include "base/journal.h"
#include "engine/trace.h"

static bool verb_alike(const char a[24], const char b[24])
{
	uint64_t x[3], y[3];

	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

static bool message_alike(const struct vn_message *a, const struct vn_message *b)
{
	return a->role == b->role && a->is == b->is && a->seq == b->seq && a->note == b->note &&
	       a->id == b->id &&
	       verb_alike(a->verb, b->verb);
}

static bool joins(const struct exchange *x, uint64_t number, const struct vn_message *asked,
                  const struct rule_flags *s)
{
	return x && !asked->failure && !x->asked.failure && !asked->sequel && !x->asked.sequel &&
	       !x->asked.struck && !s->in && !x->flags.in && !x->fresh && !exchange_needs_us(x) &&
	       !x->late && x->number + x->count == number && message_alike(&x->asked, asked);
}

struct exchange *exchange_push(struct exchanges *l, struct pool *pool, uint64_t number,
                               const struct vn_message *asked, const struct rule_flags *s,
                               vn_nsec now)
{
	struct exchange *x = l->last;

	if (joins(x, number, asked, s) && !x->trace && !journal_wants(JOURNAL_EXCHANGE)) {
		x->count++;
		x->last = now;
		return x;
	}
	return exchange_add(l, pool, number, asked, s, now);
}

struct exchange *exchange_add(struct exchanges *l, struct pool *pool, uint64_t number,
                              const struct vn_message *asked, const struct rule_flags *s,
                              vn_nsec now)
{
	struct exchange *x = pool_take(pool);

	*x = (struct exchange){
		.number = number, .count = 1, .began = now, .last = now, .asked = *asked
	};
	x->asked.subject = x->asked.bytes = (struct vn_span){ 0 };
	x->flags = *s;
	if (l->last)
		l->last->next = x;
	else
		l->first = x;
	l->last = x;
	l->entries++;
	return x;
}

/* Removes the oldest of several in one entry. The begin of the next one is interpolated. */
static void exchange_shift(struct exchange *x)
{
	x->count--;
	x->number++;
	if (x->began != x->last)
		x->began += (x->last - x->began) / x->count;
}

static void exchange_free(struct exchange *x)
{
	holds_unref(x->late);
	if (x->trace)
		trace_free(x->trace);
	pool_give(x);
}

void exchange_pop(struct exchanges *l)
{
	struct exchange *x = l->first;

	if (x->count > 1) {
		exchange_shift(x);
		return;
	}
	l->first = x->next;
	if (!l->first)
		l->last = NULL;
	l->entries--;
	exchange_free(x);
}

/* Does the server know of it? */
static bool at_server(const struct exchange *x)
{
	return x->end || x->discard_replies || !exchange_needs_us(x);
}

struct exchange *exchange_of_answer(const struct exchanges *l, struct vn_session *t,
                                    struct vn_span response)
{
	struct exchange *x = l->first;

	while (x && !(at_server(x) && t->self->answers(t, response, &x->asked)))
		x = x->next;
	return x;
}

static void exchange_unlink(struct exchanges *l, struct exchange *x)
{
	struct exchange **at = &l->first, *before = NULL;

	while (*at != x) {
		before = *at;
		at = &before->next;
	}
	*at = x->next;
	if (!x->next)
		l->last = before;
}

void exchange_advance(struct exchanges *l, struct exchange *x)
{
	if (l->first == x)
		return;
	exchange_unlink(l, x);
	x->next = l->first;
	l->first = x;
}

void exchange_remove(struct exchanges *l, struct exchange *x)
{
	exchange_unlink(l, x);
	l->entries--;
	exchange_free(x);
}

struct exchange *exchange_split(struct exchanges *l, struct pool *pool)
{
	struct exchange *many = l->first, *one = many;

	if (many->count > 1) {
		one = pool_take(pool);
		*one = *many;
		one->count = 1;
		one->next = many;
		exchange_shift(many);
		l->first = one;
		l->entries++;
	}
	return one;
}

void exchange_clear(struct exchanges *l)
{
	while (l->first)
		exchange_pop(l);
}
