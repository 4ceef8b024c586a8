/* measure_retries.c - how often a request is asked again after it failed, at what intervals, and
 * how much more that makes the application ask.
 *
 * Only samples count that had the application for themselves: what was asked meanwhile, one user
 * asked. A page may ask one thing often without a fault; what a probe asks in the baseline is no
 * retry. */
#include <stdlib.h>

#include "audit/measure.h"
#include "base/memory.h"

#define IMMEDIATE 0.020                 /* seconds */
#define ALIKE     0.2                   /* share of the median */
#define GROWTH    1.5
#define MOST      0.8                   /* of the gaps, or chains: a busy machine delays some */
#define SAMPLES   3                     /* fewer show no load */

enum { REQUESTS_MAX = 2000 };           /* of a sample, that are compared with each other */

const char *const spacing_names[SPACINGS] = {
	[SPACING_NONE] = "none", [SPACING_IMMEDIATE] = "immediate", [SPACING_FIXED] = "fixed",
	[SPACING_GROWING] = "growing", [SPACING_JITTERED] = "jittered",
};

/* The most that a probe asked one shape in a sample of the baseline. */
struct usual { uint64_t shape; uint16_t probe; unsigned most; };

struct retries {
	const struct measure *measure;
	ROWS(struct usual) usual;
	ROWS(double) gaps;              /* from a failure to the next asking */
	ROWS(double) counts;            /* of each sample with a failure */
	unsigned most;
	unsigned rows, growing;         /* chains of two gaps and more; those that grow */
};

/* ---- what is usual ---- */

static struct usual *usual_find(struct retries *a, uint16_t probe, uint64_t shape)
{
	for (size_t i = 0; i < a->usual.n; i++)
		if (a->usual.at[i].shape == shape && a->usual.at[i].probe == probe)
			return &a->usual.at[i];
	return NULL;
}

static void usual_learn(struct retries *a, const struct sample *s)
{
	struct requests list = requests_in(&a->measure->baseline, s);

	for (size_t i = 0; i < list.n && i < REQUESTS_MAX; i++) {
		uint64_t shape = list.at[i]->shape;
		unsigned n = 1;
		for (size_t j = 0; j < i; j++)
			n += list.at[j]->shape == shape;
		struct usual *u = usual_find(a, s->probe, shape);
		if (!u) {
			u = ROWS_ADD(&a->usual);
			*u = (struct usual){ shape, s->probe, 0 };
		}
		if (n > u->most)
			u->most = n;
	}
}

/* ---- failures ---- */

/* It was not done, or its client cannot know. */
static bool has_failed(const struct seen_exchange *x)
{
	return x->answered < 0 || *x->error || x->lost_reply;
}

/* When its client knew: by the answer, by giving up, by the end of the connection. */
static double failed_at(const struct seen_proxy *p, const struct seen_exchange *x)
{
	if (x->answered >= 0)
		return x->answered;
	for (size_t i = p->gave_up.n; i-- > 0;) {
		const struct seen_gave_up *g = &p->gave_up.at[i];
		if (g->connection == x->connection && g->exchange == x->exchange)
			return g->time;
	}
	return x->ended;
}

/* The last request before list.at[i] that this one asks again. NULL: it is no retry. */
static const struct seen_exchange *retry_of(struct retries *a, struct requests list, size_t i,
                                            uint16_t probe)
{
	const struct seen_exchange *x = list.at[i], *found = NULL;
	const struct usual *u = usual_find(a, probe, x->shape);
	unsigned before = 0;

	for (size_t j = 0; j < i; j++)
		before += list.at[j]->shape == x->shape;
	bool more = before >= (u ? u->most : 1);        /* than the probe asks without a fault */
	for (size_t j = 0; j < i; j++) {
		const struct seen_exchange *y = list.at[j];
		if (y->shape != x->shape || !(y->struck || has_failed(y)))
			continue;
		if (more || (has_failed(y) && y->digest == x->digest))
			found = y;
	}
	return found;
}

/* ---- a sample ---- */

struct chain { uint64_t shape; unsigned n, grown; double gap; };

static void chain_add(struct retries *a, struct chain *c, double gap)
{
	*ROWS_ADD(&a->gaps) = gap;
	c->grown += c->n && gap >= GROWTH * c->gap;
	c->gap = gap;
	c->n++;
}

static struct chain *chain_get(struct chain *chains, size_t *n, uint64_t shape)
{
	for (size_t i = 0; i < *n; i++)
		if (chains[i].shape == shape)
			return &chains[i];
	chains[*n] = (struct chain){ .shape = shape };
	return &chains[(*n)++];
}

static void sample_measure(struct retries *a, const struct sample *s)
{
	struct requests list = requests_in(&a->measure->requests, s);
	struct chain *chains = xmalloc((list.n < REQUESTS_MAX ? list.n : REQUESTS_MAX)
	                               * sizeof *chains);
	size_t n = 0;
	unsigned most = 0;
	bool failed = false;

	for (size_t i = 0; i < list.n && i < REQUESTS_MAX; i++) {
		failed |= list.at[i]->struck || has_failed(list.at[i]);
		const struct seen_exchange *first = list.at[i]->shape
			? retry_of(a, list, i, s->probe) : NULL;
		if (!first)
			continue;
		double gap = list.at[i]->asked - failed_at(a->measure->proxy, first);
		struct chain *c = chain_get(chains, &n, list.at[i]->shape);
		chain_add(a, c, gap > 0 ? gap : 0);
		if (c->n > most)
			most = c->n;
	}
	for (size_t i = 0; i < n; i++) {
		a->rows += chains[i].n >= 2;
		a->growing += chains[i].n >= 2 && chains[i].grown == chains[i].n - 1;
	}
	if (failed)
		*ROWS_ADD(&a->counts) = most;
	if (most > a->most)
		a->most = most;
	free(chains);
}

/* ---- figures ---- */

static enum spacing spacing_of(const struct retries *a, double median)
{
	size_t alike = 0;

	if (!a->gaps.n)
		return SPACING_NONE;
	if (median < IMMEDIATE)
		return SPACING_IMMEDIATE;
	for (size_t i = 0; i < a->gaps.n; i++)
		alike += a->gaps.at[i] >= (1 - ALIKE) * median
		         && a->gaps.at[i] <= (1 + ALIKE) * median;
	if ((double)alike >= MOST * (double)a->gaps.n)
		return SPACING_FIXED;
	return a->rows && a->growing >= MOST * a->rows ? SPACING_GROWING : SPACING_JITTERED;
}

/* Requests per alone sample of a probe. < 0: too few samples. */
static double asked_per_sample(const struct measure *m, unsigned probe, const struct samples *of,
                               const struct requests *requests, bool fault)
{
	size_t n = 0, asked = 0;

	for (size_t i = 0; i < of->n; i++) {
		const struct sample *s = of->at[i];
		if (s->probe != probe || (fault ? !sample_counts(m, s) : !s->alone))
			continue;
		n++;
		asked += requests_in(requests, s).n;
	}
	return n >= SAMPLES ? (double)asked / (double)n : -1;
}

static double find_per_sample(const struct measure *m)
{
	double most = -1;

	for (unsigned i = 0; i < m->record->probes.n; i++) {
		double usual = asked_per_sample(m, i, &m->baseline_samples, &m->baseline, false);
		double now = usual > 0
			? asked_per_sample(m, i, &m->samples, &m->requests, true) : -1;
		if (now >= 0 && now / usual > most)
			most = now / usual;
	}
	return most;
}

static double find_per_second(const struct measure *m)
{
	double from = m->strike >= 0 ? m->strike : m->fault.from, lasted = m->fault.to - from;
	size_t n = requests_from(&m->requests, m->fault.to) - requests_from(&m->requests, from);

	return m->rate > 0 && lasted >= 0.5 ? (double)n / lasted / m->rate : -1;
}

void measure_retries(const struct measure *m, struct retry_figures *f)
{
	struct retries a = { .measure = m };

	for (size_t i = 0; i < m->baseline_samples.n; i++)
		if (m->baseline_samples.at[i]->alone)
			usual_learn(&a, m->baseline_samples.at[i]);
	for (size_t i = 0; i < m->samples.n; i++)
		if (sample_counts(m, m->samples.at[i]))
			sample_measure(&a, m->samples.at[i]);
	double median = median_of(a.counts.at, a.counts.n), gap = median_of(a.gaps.at, a.gaps.n);
	*f = (struct retry_figures){
		.median = median > 0 ? median : 0, .gap = gap, .most = a.most,
		.samples = (unsigned)a.counts.n, .spacing = spacing_of(&a, gap),
		.per_sample = find_per_sample(m), .per_second = find_per_second(m),
	};
	free(a.usual.at);
	free(a.gaps.at);
	free(a.counts.at);
}
