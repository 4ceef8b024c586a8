/* metric.c - live metrics: what proxies and probes do now, and have done since a phase began. */
#include "audit/metric.h"

#include <math.h>

#include "audit/measure.h"

#define EXPECTED 10                     /* requests of the baseline's rate; fewer show no retries */

/* ---- proxies ---- */

/* The last look at `time` or before; the first one if all are later. NULL: there is none. */
static const struct look *look_at(const struct seen_proxy *p, double time)
{
	size_t low = 0, high = p->looks.n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (p->looks.at[middle].time <= time)
			low = middle + 1;
		else
			high = middle;
	}
	return !p->looks.n ? NULL : &p->looks.at[low ? low - 1 : 0];
}

static bool look_value(const struct seen_proxy *p, enum metric_kind kind, double since, double now,
                       double *value)
{
	const struct look *last = look_at(p, now), *then = look_at(p, since);
	const struct look *second = look_at(p, now - 1);

	if (!last)
		return false;
	double passed = last->time - second->time;
	switch (kind) {
	case METRIC_CONNECTIONS:
		*value = last->connections;
		return true;
	case METRIC_WAITING:
		*value = last->waiting;
		return true;
	case METRIC_CONNECTIONS_OPENED:
		*value = (double)(last->opened - then->opened);
		return true;
	case METRIC_EXCHANGES:
		*value = (double)(last->exchanges - then->exchanges);
		return true;
	case METRIC_CONNECTIONS_RATE:
		*value = passed > 0 ? (double)(last->opened - second->opened) / passed : 0;
		return passed > 0;
	case METRIC_EXCHANGES_RATE:
		*value = passed > 0 ? (double)(last->exchanges - second->exchanges) / passed : 0;
		return passed > 0;
	default:
		return false;
	}
}

static double count_hits(const struct seen_proxy *p, double since)
{
	unsigned n = 0;

	for (size_t i = p->faults.n; i-- > 0;)
		n += p->faults.at[i].time >= since && !p->faults.at[i].unreachable;
	return n;
}

static double count_gave_up(const struct seen_proxy *p, double since)
{
	unsigned n = 0;

	for (size_t i = p->gave_up.n; i-- > 0;)
		n += p->gave_up.at[i].time >= since;
	return n;
}

/* How many more requests there are than in the baseline. It is the mean of retries, where samples
 * overlap and none tells by itself. False: too few to tell. */
static bool mean_retries(const struct measure *m, const struct retry_figures *f, double *value)
{
	*value = fmax(0, f->per_second - 1);
	return f->per_second >= 0 && m->rate * (m->fault.to - m->fault.from) >= EXPECTED;
}

/* The most in samples that had the application for themselves; if there is none since then, the
 * mean of all. */
static bool most_retries(const struct record *r, unsigned proxy, double since, double now,
                         double *value)
{
	struct experiment phase = {
		.proxy = proxy, .begun = since, .t_on = since, .t_off = now, .end = now,
	};
	struct retry_figures f;
	struct measure m;
	bool any = false;

	measure_begin(&m, r, &phase);
	for (size_t i = 0; i < m.samples.n && !any; i++)
		any = sample_counts(&m, m.samples.at[i]);
	measure_retries(&m, &f);
	if (any)
		*value = f.most;
	else
		any = mean_retries(&m, &f, value);
	measure_end(&m);
	return any;
}

static bool proxy_value(const struct record *r, const struct metric *m, double since, double now,
                        double *value)
{
	int proxy = record_find_proxy(r, m->proxy);

	if (proxy < 0)
		return false;
	const struct seen_proxy *p = &r->proxies.at[proxy];
	switch (m->kind) {
	case METRIC_HITS:
		*value = count_hits(p, since);
		return true;
	case METRIC_GAVE_UP:
		*value = count_gave_up(p, since);
		return true;
	case METRIC_RETRIES:
		return most_retries(r, (unsigned)proxy, since, now, value);
	default:
		return look_value(p, m->kind, since, now, value);
	}
}

/* ---- probes ---- */

/* The sample of the probe that ended last, of those begun since then. Samples are in the order of
 * their ends. NULL: there is none. */
static const struct sample *last_sample(const struct record *r, unsigned probe, double since)
{
	for (size_t i = r->samples.n; i-- > 0;) {
		const struct sample *s = &r->samples.at[i];
		if (sample_end(s) < since - 1)
			return NULL;
		if (s->probe == probe && s->begun >= since && s->outcome != OUTCOME_SKIPPED)
			return s;
	}
	return NULL;
}

static bool worst_outcome(const struct record *r, double since, double *value)
{
	*value = OUTCOME_OK;
	for (unsigned i = 0; i < r->probes.n; i++) {
		const struct sample *s = last_sample(r, i, since);
		if (!s)
			return false;
		if (s->outcome > *value)
			*value = s->outcome;
	}
	return r->probes.n;
}

static void count_samples(const struct record *r, unsigned probe, double since, unsigned *asked,
                          unsigned *failed)
{
	*asked = *failed = 0;
	for (size_t i = r->samples.n; i-- > 0;) {
		const struct sample *s = &r->samples.at[i];
		if (sample_end(s) < since - 1)
			return;
		if (s->probe != probe || s->begun < since || s->outcome == OUTCOME_SKIPPED)
			continue;
		++*asked;
		*failed += outcome_fails(s->outcome);
	}
}

static bool probe_value(const struct record *r, const struct metric *m, double since, double *value)
{
	int probe = record_find_probe(r, m->probe);
	const struct sample *last = probe < 0 ? NULL : last_sample(r, (unsigned)probe, since);
	unsigned asked, failed;

	if (!last)
		return false;
	count_samples(r, (unsigned)probe, since, &asked, &failed);
	*value = m->kind == METRIC_PROBE ? last->outcome
	       : m->kind == METRIC_PROBE_TIME ? (double)last->took
	       : m->kind == METRIC_PROBE_ERRORS ? failed : 1 - (double)failed / asked;
	return true;
}

bool metric_value(const struct record *r, const struct metric *m, double since, double now,
                  double *value)
{
	switch (m->kind) {
	case METRIC_PROBES:
		return worst_outcome(r, since, value);
	case METRIC_PROBE:
	case METRIC_PROBE_TIME:
	case METRIC_PROBE_ERRORS:
	case METRIC_PROBE_SHARE_OK:
		return probe_value(r, m, since, value);
	default:
		return proxy_value(r, m, since, now, value);
	}
}
