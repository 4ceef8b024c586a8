/* fine.c - a histogram of durations with narrow buckets, from which percentiles are read. */
#include "base/fine.h"

static vn_nsec wide_from(unsigned i)
{
	return i ? histogram_bounds[i - 1] : 0;
}

static vn_nsec step(unsigned i)
{
	return (histogram_bounds[i] - wide_from(i)) / FINE_STEPS;
}

vn_nsec fine_bound(unsigned i)
{
	unsigned wide = i / FINE_STEPS;

	return wide_from(wide) + (i % FINE_STEPS + 1) * step(wide);
}

/* The search begins at the latest bucket, because most durations are alike. */
void fine_note(struct fine *f, vn_nsec took)
{
	unsigned i = f->latest, narrow = FINE_BOUNDS;

	while (i && took <= histogram_bounds[i - 1])
		i--;
	while (i < BOUNDS && took > histogram_bounds[i])
		i++;
	f->latest = i;
	took = took > 0 ? took : 0;
	if (i < BOUNDS)
		narrow = i * FINE_STEPS +
		         (took ? (unsigned)((took - wide_from(i) - 1) / step(i)) : 0);
	count_add(&f->n[narrow], 1);
	count_add(&f->sum, (uint64_t)took);
}

void fine_totals_add(struct fine_totals *to, const struct fine *f)
{
	for (unsigned i = 0; i <= FINE_BOUNDS; i++)
		to->n[i] += count_get(&f->n[i]);
}

void fine_wide_add(struct histogram_totals *to, const struct fine *f)
{
	for (unsigned i = 0; i <= FINE_BOUNDS; i++)
		to->n[i / FINE_STEPS] += count_get(&f->n[i]);
	to->sum += count_get(&f->sum);
}
