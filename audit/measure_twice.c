/* measure_twice.c - writes that were executed twice: the backend did them, a rule took the answer,
 * and the application asked for the same again.
 *
 * What a transaction did counts when it is certain: with its COMMIT. What was rolled back does not
 * count, and neither does a second write that the server rejects: an idempotency key works so. */
#include <stdlib.h>

#include "audit/measure.h"
#include "base/memory.h"

/* A write of one sample that was done. */
struct done { const struct seen_exchange *write; bool lost; };

struct done_list { struct done *at; size_t n; };

static bool ends_transaction(const struct seen_exchange *x)
{
	return x->kinds & (KIND_COMMITS | KIND_ROLLBACKS);
}

/* The COMMIT or ROLLBACK of its transaction. NULL: the sample has none. */
static const struct seen_exchange *end_of(struct requests list, size_t i)
{
	for (size_t j = i + 1; j < list.n; j++)
		if (list.at[j]->connection == list.at[i]->connection
		    && ends_transaction(list.at[j]))
			return list.at[j];
	return NULL;
}

static bool succeeded(const struct seen_exchange *x)
{
	return !*x->error && (x->lost_reply || (x->answered >= 0 && x->by == BY_BACKEND));
}

/* Was it done for good? `lost`: and its client does not know. */
static bool was_done(struct requests list, size_t i, bool *lost)
{
	const struct seen_exchange *x = list.at[i], *end;

	*lost = x->lost_reply;
	if (!(x->kinds & KIND_WRITES) || !succeeded(x))
		return false;
	if (!x->in_transaction)
		return true;
	end = end_of(list, i);
	if (!end || !(end->kinds & KIND_COMMITS) || !succeeded(end))
		return false;
	*lost = end->lost_reply;
	return true;
}

static struct done_list find_done(struct requests list)
{
	struct done_list done = { xmalloc(list.n * sizeof *done.at), 0 };
	bool lost;

	for (size_t i = 0; i < list.n; i++)
		if (list.at[i]->digest && was_done(list, i, &lost))
			done.at[done.n++] = (struct done){ list.at[i], lost };
	return done;
}

/* How often the same was done from done.at[i] on. */
static unsigned times_done(struct done_list done, size_t i)
{
	unsigned n = 1;

	for (size_t j = i + 1; j < done.n; j++)
		n += done.at[j].write->digest == done.at[i].write->digest;
	return n;
}

/* How often the baseline has done one and the same write of this shape in a sample. */
static unsigned usual_times(const struct measure *m, uint64_t shape)
{
	unsigned most = 1;

	for (size_t k = 0; k < m->baseline_samples.n; k++) {
		if (!m->baseline_samples.at[k]->alone)
			continue;
		struct done_list done = find_done(requests_in(&m->baseline,
		                                              m->baseline_samples.at[k]));
		for (size_t i = 0; i < done.n; i++) {
			unsigned n = done.at[i].write->shape == shape ? times_done(done, i) : 0;
			if (n > most)
				most = n;
		}
		free(done.at);
	}
	return most;
}

static bool seen_before(struct done_list done, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (done.at[j].lost && done.at[j].write->digest == done.at[i].write->digest)
			return true;
	return false;
}

unsigned measure_executed_twice(const struct measure *m)
{
	unsigned twice = 0;

	for (size_t k = 0; k < m->samples.n; k++) {
		if (!sample_counts(m, m->samples.at[k]))
			continue;
		struct done_list done = find_done(requests_in(&m->requests, m->samples.at[k]));
		for (size_t i = 0; i < done.n; i++) {
			if (!done.at[i].lost || seen_before(done, i))
				continue;
			unsigned n = times_done(done, i);
			if (n >= 2 && n > usual_times(m, done.at[i].write->shape))
				twice++;
		}
		free(done.at);
	}
	return twice;
}
