/* fine.h - a histogram of durations with narrow buckets, from which percentiles are read.
 *
 * Each bucket of histogram.h is divided into STEPS of equal width, so a percentile is off by one
 * step at most. Who writes and who reads is as there. */
#ifndef BASE_FINE_H
#define BASE_FINE_H

#include "base/histogram.h"

enum { FINE_STEPS = 10, FINE_BOUNDS = BOUNDS * FINE_STEPS };

struct fine {
	_Atomic uint64_t n[FINE_BOUNDS + 1], sum;       /* counts per bucket; ns in all */
	unsigned latest;                /* writer only: the wide bucket of the latest value */
};

/* The sums of several, by narrow bucket. */
struct fine_totals { uint64_t n[FINE_BOUNDS + 1]; };

/* Counts one duration. A negative one counts as 0 ns. */
void fine_note(struct fine *, vn_nsec);
void fine_totals_add(struct fine_totals *, const struct fine *);
void fine_wide_add(struct histogram_totals *, const struct fine *);     /* in wide buckets */

/* Upper bound of bucket i < FINE_BOUNDS, in ns. */
vn_nsec fine_bound(unsigned i);

#endif
