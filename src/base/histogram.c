/* histogram.c - histograms of durations. */
#include "base/histogram.h"

#define US VN_US
#define MS VN_MS

const vn_nsec histogram_bounds[BOUNDS] = {
	50 * US,   100 * US,  250 * US,   500 * US,   1 * MS,     2500 * US,   5 * MS,
	10 * MS,   25 * MS,   50 * MS,    100 * MS,   250 * MS,   500 * MS,    1000 * MS,
	2500 * MS, 5000 * MS, 10000 * MS, 30000 * MS, 60000 * MS, 300000 * MS,
};

/* The search begins at the latest bucket, because most durations are alike. */
void histogram_note(struct histogram *h, vn_nsec took)
{
	unsigned i = h->latest;

	while (i && took <= histogram_bounds[i - 1])
		i--;
	while (i < BOUNDS && took > histogram_bounds[i])
		i++;
	h->latest = i;
	count_add(&h->n[i], 1);
	count_add(&h->sum, took > 0 ? (uint64_t)took : 0);
}

void histogram_totals_add(struct histogram_totals *to, const struct histogram *h)
{
	for (unsigned i = 0; i <= BOUNDS; i++)
		to->n[i] += count_get(&h->n[i]);
	to->sum += count_get(&h->sum);
}
