/* measure_probe.c - figures of a probe in an experiment: how soon it noticed the fault, whether and
 * when it was well again, and what failed after the fault. */
#include <stdlib.h>

#include "audit/measure.h"
#include "base/memory.h"

#define ROW 3                           /* samples in a row that are a recovery */
#define CLOCKS 0.002                    /* seconds: how far event times may be off */
#define ORDER 1.0                       /* seconds: how far events may be out of order */

/* ---- activity of the application at the proxies that were hit ---- */

static bool opened_in(const struct seen_proxy *p, struct window w)
{
	for (size_t i = p->connections.n; i-- > 0;) {
		if (in_window(w, p->connections.at[i].opened))
			return true;
		if (p->connections.at[i].opened < w.from - ORDER)
			break;
	}
	return false;
}

static bool asked_in(const struct seen_proxy *p, struct window w)
{
	for (size_t i = p->exchanges.n; i-- > 0;) {     /* none was asked after its end */
		if (in_window(w, p->exchanges.at[i].asked))
			return true;
		if (p->exchanges.at[i].ended < w.from - ORDER)
			break;
	}
	for (size_t i = 0; i < p->connections.n; i++)   /* those that have no answer yet */
		if (p->connections.at[i].stuck_since >= 0
		    && in_window(w, p->connections.at[i].stuck_since))
			return true;
	return false;
}

static enum tried tried_in(const struct measure *m, struct window w)
{
	enum tried tried = TRIED_NOTHING;

	for (size_t i = 0; i < m->record->proxies.n; i++) {
		const struct seen_proxy *p = &m->record->proxies.at[i];
		if (m->hit[i] && opened_in(p, w))
			return TRIED_CONNECTED;
		if (m->hit[i] && tried == TRIED_NOTHING && asked_in(p, w))
			tried = TRIED_ASKED;
	}
	return tried;
}

static bool without_asking(const struct measure *m, const struct sample *s)
{
	double slack = CLOCKS + m->record->uncertainty;
	struct window w = { s->begun - slack, sample_end(s) + slack };

	return s->alone && tried_in(m, w) == TRIED_NOTHING;
}

/* ---- figures ---- */

/* Begun in the fault; or under way when that began, and it did not end well. */
static bool in_fault(const struct measure *m, const struct sample *s)
{
	return in_window(m->fault, s->begun)
	       || (s->begun < m->fault.from && sample_end(s) > m->fault.from
	           && s->outcome != OUTCOME_OK && s->outcome != OUTCOME_SKIPPED);
}

static void count_outcomes(const struct measure *m, unsigned probe, struct probe_figures *f)
{
	const struct experiment *e = m->experiment;

	for (size_t i = 0; i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		if (s->probe != probe)
			continue;
		if (in_fault(m, s)) {
			f->during[s->outcome]++;
			if (s->outcome != OUTCOME_SKIPPED && s->outcome > f->worst)
				f->worst = s->outcome;
		} else if (e->t_off >= 0 && s->begun >= e->t_off) {
			f->after[s->outcome]++;
		}
	}
}

static double find_detect(const struct measure *m, unsigned probe)
{
	double first = -1;

	for (size_t i = 0; m->strike >= 0 && i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		double ended = sample_end(s);
		if (s->probe == probe && s->outcome != OUTCOME_OK && s->outcome != OUTCOME_SKIPPED
		    && ended > m->strike && (first < 0 || ended < first))
			first = ended;
	}
	return first < 0 ? -1 : first - m->strike;
}

/* The next sample of the probe that was asked after the fault, from index *i on. */
static const struct sample *next_after(const struct measure *m, unsigned probe, size_t *i)
{
	while (*i < m->samples.n) {
		const struct sample *s = m->samples.at[(*i)++];
		if (s->probe == probe && s->begun >= m->healed && s->outcome != OUTCOME_SKIPPED)
			return s;
	}
	return NULL;
}

/* The sample that begins the last unbroken row of ok ones. One slow sample between two that are ok
 * does not break it: a busy machine makes such. NULL: there is no row. */
static const struct sample *find_row(const struct measure *m, unsigned probe, bool *first)
{
	const struct sample *row = NULL, *s, *next;
	unsigned length = 0, seen = 0;
	size_t i = 0;

	for (s = next_after(m, probe, &i); s; s = next, seen++) {
		next = next_after(m, probe, &i);
		if (s->outcome == OUTCOME_OK) {
			row = length++ ? row : s;
		} else if (s->outcome == OUTCOME_SLOW && length
		           && (!next || next->outcome == OUTCOME_OK)) {
			length++;
		} else {
			row = NULL;
			length = 0;
		}
	}
	*first = length == seen;
	return length >= ROW ? row : NULL;
}

static void find_recovery(const struct measure *m, unsigned probe, struct probe_figures *f)
{
	bool first;
	const struct sample *row = m->healed < 0 ? NULL : find_row(m, probe, &first);
	double until = row ? row->begun : m->end;

	f->recover = !row ? -1 : first ? 0 : row->begun - m->healed;
	if (m->healed < 0)
		return;
	for (size_t i = 0; i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		if (s->probe != probe || s->begun < m->healed || s->begun >= until
		    || !outcome_fails(s->outcome))
			continue;
		f->failures_after++;
		f->without_asking += f->asks && without_asking(m, s);
	}
	f->tried = tried_in(m, (struct window){ m->healed, until });
}

static double find_answer_median(const struct measure *m, unsigned probe, enum outcome worst)
{
	double *times, median;
	size_t n = 0;

	if (worst == OUTCOME_OK)
		return -1;
	times = xmalloc(m->samples.n * sizeof *times);
	for (size_t i = 0; i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		if (s->probe == probe && s->outcome == worst && in_fault(m, s))
			times[n++] = (double)s->took;
	}
	median = median_of(times, n);
	free(times);
	return median;
}

void measure_probe(const struct measure *m, unsigned probe, struct probe_figures *f)
{
	*f = (struct probe_figures){ .asks = probe_asks(m, probe), .detect = -1, .recover = -1 };
	count_outcomes(m, probe, f);
	f->detect = find_detect(m, probe);
	find_recovery(m, probe, f);
	f->answer_median = find_answer_median(m, probe, f->worst);
}
