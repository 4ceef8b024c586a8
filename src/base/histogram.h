/* histogram.h - counters with one writer each, and histograms of durations.
 *
 * The owner is a worker, and only it writes. Any thread reads: each number is right by itself, but
 * two numbers may be of different moments. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>

#include "vaurien.h"

/* Upper bounds of the buckets, in ns. The last bucket counts what exceeds all of them. */
enum { BOUNDS = 20 };
extern const vn_nsec histogram_bounds[BOUNDS];

struct histogram {
	_Atomic uint64_t n[BOUNDS + 1], sum;    /* counts per bucket; ns in all */
	unsigned latest;                        /* writer only: the bucket of the latest value */
};

struct histogram_totals { uint64_t n[BOUNDS + 1], sum; };

/* Counts one duration. A negative one counts as 0 ns. */
void histogram_note(struct histogram *, vn_nsec);
void histogram_totals_add(struct histogram_totals *, const struct histogram *);

/* Not an atomic addition, which would be slower: there is one writer. */
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
