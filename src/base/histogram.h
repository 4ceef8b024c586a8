/* histogram.h - counters with one writer each, and how long things took.
 *
 * A worker writes its own, any thread reads: each figure by itself is right, two may be of
 * different moments. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>

#include "vaurien.h"

/* Buckets by the bounds in histogram.c; the last bucket has what is beyond all of them. */
enum { BOUNDS = 20 };
extern const vn_nsec histogram_bounds[BOUNDS];

struct histogram {
	_Atomic uint64_t n[BOUNDS + 1], sum;
	unsigned latest;                /* the writer's own: the bucket that it noted last */
};

struct histogram_totals { uint64_t n[BOUNDS + 1], sum; };

void histogram_note(struct histogram *, vn_nsec);
void histogram_totals_add(struct histogram_totals *, const struct histogram *);

/* A plain add: there is no other writer. */
static inline void count_add(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
	                      memory_order_relaxed);
}

static inline uint64_t count_get(const _Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

#endif
