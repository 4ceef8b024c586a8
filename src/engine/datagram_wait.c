/* datagram_wait.c - datagrams that wait: for their time, for the bandwidth, or for others. */
#include "engine/datagram_wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/datagram_send.h"
#include "engine/line.h"
#include "engine/trace.h"

static vn_nsec after(vn_nsec t, vn_nsec more)
{
	return more > VN_NEVER - t ? VN_NEVER : t + more;
}

/* ---- what the holds say ---- */

/* How many must pass it; *wait: for how long it waits for them. */
static unsigned holds_behind(const struct holds *l, vn_nsec *wait)
{
	unsigned others = 0;

	*wait = VN_NEVER;
	for (unsigned i = 0; l && i < l->n; i++) {
		const struct vn_behind *b = &l->by[i].behind;
		others = b->others > others ? b->others : others;
		if (b->others && b->wait < *wait)
			*wait = b->wait;
	}
	return others;
}

static bool holds_in_order(const struct holds *l)
{
	for (unsigned i = 0; l && i < l->n; i++)
		if (l->by[i].in_order)
			return true;
	return false;
}

static bool holds_pace_it(const struct holds *l)
{
	for (unsigned i = 0; l && i < l->n; i++)
		if (l->by[i].pace.rate)
			return true;
	return false;
}

/* Is there no room before the line for so many bytes? */
static bool line_full(const struct flow_way *way, const struct holds *l, size_t n)
{
	for (unsigned i = 0; l && i < l->n; i++)
		if (l->by[i].pace.rate && l->by[i].queue && way->on_line + n > l->by[i].queue)
			return true;
	return false;
}

/* Takes a place on the line for n bytes that reach it then. Returns when they have passed. */
static vn_nsec line_take(struct flow_way *way, const struct holds *l, enum vn_direction d,
                         vn_nsec from, size_t n)
{
	vn_nsec start = later(from, way->line_free), end = start;

	for (unsigned i = 0; i < l->n; i++) {
		const struct hold *h = &l->by[i];
		if (h->pace.rate)
			end = later(end, h->line ? line_shared(&h->line[way_index(d)], from, n,
			                                       h->pace.rate) :
			                           line_passed(start, n, h->pace.rate));
	}
	way->line_free = end;
	return end;
}

/* When the holds let it go. */
static vn_nsec due_of(struct flow_way *way, const struct holds *l, enum vn_direction d,
                      vn_nsec came, size_t n)
{
	vn_nsec due = after(came, holds_total(l)), wait;

	if (due != VN_NEVER && holds_pace_it(l))
		due = line_take(way, l, d, due, n);
	if (holds_behind(l, &wait))
		due = later(due, after(came, wait));
	if (holds_in_order(l)) {                /* no two at the same time */
		due = later(due, way->ordered);
		way->ordered = after(due, 1);
	}
	return due;
}

/* ---- one that waits ---- */

static struct flow_way *way_of(const struct waiting *w)
{
	return &w->flow->way[way_index((enum vn_direction)w->direction)];
}

static void waiting_free(struct waiting *w)
{
	struct flow_way *way = way_of(w);
	size_t cost = w->n + PARCEL_COST;

	timer_stop(&flow_worker(w->flow)->loop, &w->timer);
	if (w->next)
		w->next->link = w->link;
	else
		way->last = w->link;
	*w->link = w->next;
	way->held -= cost;
	shard_held_add(w->flow->of->shard, -(ptrdiff_t)cost);
	if (w->on_line)
		way->on_line -= w->n;
	if (w->behind)
		way->behind--;
	trace_free(w->trace);
	holds_unref(w->why);
	free(w);
}

/* It answers an exchange: that is over now. */
static void answer_sent(struct flow *f, const struct leaving *l)
{
	struct worker *w = flow_worker(f);

	if (l->answers)
		fine_note(&f->of->shard->stats.answered, w->loop.now - l->began);
	if (!l->trace)
		return;
	l->trace->answered = w->loop.now;
	trace_write(l->trace, shard_spec(f->of->shard)->name, w->loop.now);
}

/* It would have answered an exchange. */
static void answer_lost(struct flow *f, bool answers, struct trace *t)
{
	if (answers)
		stats_add(&f->of->shard->stats, STAT_ABANDONED, 1);
	if (!t)
		return;
	t->lost = t->by == BY_BACKEND;
	t->by = BY_NOBODY;
	trace_write(t, shard_spec(f->of->shard)->name, flow_worker(f)->loop.now);
}

/* Sends it, and frees it. */
static void waiting_send(struct waiting *w)
{
	struct leaving l = { .answers = w->answers, .began = w->began, .trace = w->trace };

	for (unsigned i = 0; i <= w->copies; i++)
		datagram_send(w->flow, (enum vn_direction)w->direction, w->bytes, w->n);
	outbox_flush(flow_worker(w->flow));
	answer_sent(w->flow, &l);
	waiting_free(w);
}

static bool waits_for_backend(const struct waiting *w)
{
	return w->direction == VN_REQUEST && w->flow->watch.fd < 0;
}

static void waiting_fire(struct timer *t)
{
	struct waiting *w = OWNER(waiting, timer, t);

	if (waits_for_backend(w))
		return;                 /* waiting_connected() sends it */
	w->flow->active = flow_worker(w->flow)->loop.now;
	waiting_send(w);
}

/* One has passed those that wait for others. */
static void others_passed(struct flow *f, enum vn_direction d)
{
	struct flow_way *way = &f->way[way_index(d)];

	for (struct waiting *w = way->first, *next; w && way->behind; w = next) {
		next = w->next;
		if (!w->behind || --w->behind)
			continue;
		way->behind--;
		if (holds_total(w->why) == 0 && !waits_for_backend(w))
			waiting_send(w);
	}
}

static void waiting_put(struct flow *f, enum vn_direction d, struct vn_span bytes,
                        const struct leaving *l, vn_nsec due)
{
	struct flow_way *way = &f->way[way_index(d)];
	struct waiting *w = xmalloc(sizeof *w + bytes.n);
	vn_nsec wait;

	*w = (struct waiting){ .timer.fire = waiting_fire, .flow = f, .came = l->came, .due = due,
		               .why = holds_ref(l->why), .began = l->began, .trace = l->trace,
		               .copies = l->copies, .behind = holds_behind(l->why, &wait),
		               .on_line = holds_pace_it(l->why), .answers = l->answers,
		               .direction = (uint8_t)d, .n = bytes.n };
	if (bytes.n)
		memcpy(w->bytes, bytes.p, bytes.n);
	w->link = way->last;
	*way->last = w;
	way->last = &w->next;
	way->held += bytes.n + PARCEL_COST;
	shard_held_add(f->of->shard, (ptrdiff_t)(bytes.n + PARCEL_COST));
	way->behind += w->behind > 0;
	if (w->on_line)
		way->on_line += bytes.n;
	timer_set(&flow_worker(f)->loop, &w->timer, due);
}

/* ---- all of them ---- */

static bool held_full(const struct flow *f, const struct flow_way *way, size_t n)
{
	const struct worker *w = flow_worker(f);

	return way->held + n + PARCEL_COST > f->plan->spec->hold_max ||
	       atomic_load_explicit(&w->held, memory_order_relaxed) + n >= w->hold_total;
}

void datagram_leave(struct flow *f, enum vn_direction d, struct vn_span bytes,
                    const struct leaving *l)
{
	struct flow_way *way = &f->way[way_index(d)];
	bool connecting = d == VN_REQUEST && f->watch.fd < 0;

	if (!l->why && !connecting) {
		for (unsigned i = 0; i <= l->copies; i++)
			datagram_send(f, d, bytes.p, bytes.n);
		answer_sent(f, l);
		trace_free(l->trace);
		if (way->behind)
			others_passed(f, d);
		return;
	}
	bool full = held_full(f, way, bytes.n), line = line_full(way, l->why, bytes.n);
	if (full || line) {
		datagrams_lost(f->of->shard, full ? LOSS_HELD : LOSS_LINE, 1);
		answer_lost(f, l->answers, l->trace);
		trace_free(l->trace);
		return;
	}
	waiting_put(f, d, bytes, l, due_of(way, l->why, d, l->came, bytes.n));
}

/* In the order of arrival. */
static void waiting_send_due(struct flow *f, unsigned way)
{
	for (struct waiting *w = f->way[way].first, *next; w; w = next) {
		next = w->next;
		if (w->due <= flow_worker(f)->loop.now && !waits_for_backend(w))
			waiting_send(w);
	}
}

void waiting_change(struct flow *f, const struct plan *to)
{
	vn_nsec wait;

	for (unsigned i = 0; i < 2; i++) {
		struct flow_way *way = &f->way[i];
		way->line_free = way->ordered = 0;
		way->on_line = 0;
		way->behind = 0;
		for (struct waiting *w = way->first; w; w = w->next)
			holds_remove(w->why, to);
		for (struct waiting *w = way->first; w; w = w->next) {
			w->due = due_of(way, w->why, (enum vn_direction)w->direction, w->came,
			                w->n);
			w->on_line = holds_pace_it(w->why);
			w->behind = w->behind && holds_behind(w->why, &wait) ? w->behind : 0;
			way->on_line += w->on_line ? w->n : 0;
			way->behind += w->behind > 0;
			timer_set(&flow_worker(f)->loop, &w->timer, w->due);
		}
		waiting_send_due(f, i);
	}
}

void waiting_connected(struct flow *f)
{
	waiting_send_due(f, 0);
}

void waiting_drop(struct flow *f, enum datagram_loss why)
{
	for (unsigned i = 0; i < 2; i++)
		while (f->way[i].first) {
			struct waiting *w = f->way[i].first;
			if (why < DATAGRAM_LOSSES)
				datagrams_lost(f->of->shard, why, 1);
			answer_lost(f, w->answers, w->trace);
			waiting_free(w);
		}
}

const struct rule_spec *waiting_holder(const struct flow *f, vn_nsec *left)
{
	vn_nsec now = flow_worker(f)->loop.now;

	for (unsigned i = 0; i < 2; i++) {
		const struct waiting *w = f->way[i].first;
		int k = w && w->why && w->why->n ? plan_find(f->plan, w->why->by[0].rule) : -1;
		if (k < 0)
			continue;
		*left = w->due == VN_NEVER ? VN_NEVER : w->due > now ? w->due - now : 0;
		return f->plan->rules[k].spec;
	}
	return NULL;
}
