/* queue.c - queue of a pipe: parcels that wait for their time, for room, or for their turn. */
#include "engine/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/trace.h"
#include "rules/verdict.h"

/* ---- holds ---- */

struct holds *holds_make(const struct holds *with, const struct judgement *j)
{
	unsigned a = with ? with->n : 0, b = j ? j->n : 0;

	if (!a && !b)
		return NULL;
	struct holds *l = xmalloc(sizeof *l + (a + b) * sizeof *l->by);
	l->refs = 1;
	l->n = a + b;
	if (a)
		memcpy(l->by, with->by, a * sizeof *l->by);
	if (b)
		memcpy(l->by + a, j->by, b * sizeof *l->by);
	return l;
}

struct holds *holds_ref(struct holds *l)
{
	if (l)
		l->refs++;
	return l;
}

void holds_unref(struct holds *l)
{
	if (l && !--l->refs)
		free(l);
}

vn_nsec holds_total(const struct holds *l)
{
	struct vn_verdict v = { .keep = VN_ALL };

	for (unsigned i = 0; l && i < l->n; i++)
		verdict_fold(&v, &(struct vn_verdict){ .keep = VN_ALL, .hold = l->by[i].hold });
	return v.hold;
}

struct vn_pace holds_pace(const struct holds *l)
{
	struct vn_verdict v = { .keep = VN_ALL };

	for (unsigned i = 0; l && i < l->n; i++)
		verdict_fold(&v, &(struct vn_verdict){ .keep = VN_ALL, .pace = l->by[i].pace });
	return v.pace;
}

bool holds_remove(struct holds *l, const struct plan *p)
{
	unsigned kept = 0;

	if (!l)
		return false;
	for (unsigned i = 0; i < l->n; i++)
		if (plan_find(p, l->by[i].rule) >= 0)
			l->by[kept++] = l->by[i];
	bool stripped = kept < l->n;
	l->n = kept;
	return stripped;
}

/* ---- the queue ---- */

static vn_nsec parcel_due(const struct parcel *p, vn_nsec before)
{
	vn_nsec late = holds_total(p->why);
	vn_nsec due = late > VN_NEVER - p->came ? VN_NEVER : p->came + late;

	return due > before ? due : before;
}

struct parcel *queue_put(struct queue *q, enum parcel_kind kind, size_t n, vn_nsec came,
                         struct holds *why)
{
	struct parcel *p = xmalloc(sizeof *p + n);
	*p = (struct parcel){ .came = came, .why = holds_ref(why), .kind = kind, .n = n };
	p->due = parcel_due(p, q->last ? q->last->due : 0);
	if (q->last)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->bytes += n;
	q->parcels++;
	return p;
}

void queue_pop(struct queue *q)
{
	struct parcel *p = q->first;

	q->first = p->next;
	if (!q->first)
		q->last = NULL;
	q->bytes -= p->n - p->at;
	q->parcels--;
	if (p->trace)
		trace_free(p->trace);
	holds_unref(p->why);
	if (p->secret)
		explicit_bzero(p->bytes, p->n);
	free(p);
}

void queue_hide(struct queue *q, struct parcel *behind)
{
	for (struct parcel *p = behind ? behind->next : q->first; p; p = p->next)
		p->secret = true;
}

bool queue_remove_rules(struct queue *q, const struct plan *plan)
{
	bool any = false;
	vn_nsec before = 0;

	for (struct parcel *p = q->first; p; p = p->next)
		any |= holds_remove(p->why, plan);
	for (struct parcel *p = q->first; p; p = p->next)       /* after all: they share holds */
		before = p->due = parcel_due(p, before);
	return any;
}

void queue_clear(struct queue *q)
{
	while (q->first)
		queue_pop(q);
}
