/* measure.c - collects what the figures of an experiment are made from: samples and requests. */
#include "audit/measure.h"

#include <stdlib.h>

#include "base/memory.h"

#define CLOCKS 0.001                    /* seconds: rounding of a sample's times */
#define BEFORE 2.0                      /* seconds before t_on that are looked at, too */

bool in_window(struct window w, double time)
{
	return time >= w.from && time < w.to;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void sort_values(double *values, size_t n)
{
	qsort(values, n, sizeof *values, by_value);
}

double median_of(double *values, size_t n)
{
	if (!n)
		return -1;
	sort_values(values, n);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* ---- connections ---- */

bool connection_open(const struct seen_connection *c, double time)
{
	return c->opened <= time && (c->closed < 0 || c->closed > time);
}

unsigned open_at(const struct seen_proxy *p, double time)
{
	unsigned n = 0;

	for (size_t i = 0; i < p->connections.n; i++)
		n += connection_open(&p->connections.at[i], time);
	return n;
}

struct step { double time; int by; };   /* one more, one less */

/* Ends come first: a connection that replaces another is not one more. */
static int by_time(const void *a, const void *b)
{
	const struct step *x = a, *y = b;

	return x->time != y->time ? (x->time > y->time) - (x->time < y->time) : x->by - y->by;
}

void open_range(const struct seen_proxy *p, struct window w, unsigned *least, unsigned *most)
{
	struct step *steps = xmalloc(2 * p->connections.n * sizeof *steps);
	unsigned now = open_at(p, w.from);
	size_t n = 0;

	for (size_t i = 0; i < p->connections.n; i++) {
		const struct seen_connection *c = &p->connections.at[i];
		if (c->opened > w.from && c->opened < w.to)
			steps[n++] = (struct step){ c->opened, 1 };
		if (c->closed > w.from && c->closed < w.to)
			steps[n++] = (struct step){ c->closed, -1 };
	}
	qsort(steps, n, sizeof *steps, by_time);
	*least = *most = now;
	for (size_t i = 0; i < n; i++) {
		now += (unsigned)steps[i].by;
		if (now > *most)
			*most = now;
		if (now < *least)
			*least = now;
	}
	free(steps);
}

/* ---- requests ---- */

/* The greeting, and how a client logs in, are part of connecting. */
static bool is_request(const struct seen_exchange *x)
{
	return x->exchange && !(x->kinds & KIND_LOGINS);
}

static int by_asked(const void *a, const void *b)
{
	const struct seen_exchange *x = *(const struct seen_exchange *const *)a;
	const struct seen_exchange *y = *(const struct seen_exchange *const *)b;

	if (x->asked != y->asked)
		return x->asked < y->asked ? -1 : 1;
	return (x->exchange > y->exchange) - (x->exchange < y->exchange);
}

static struct requests requests_of(const struct seen_proxy *p, struct window w)
{
	struct requests list = { xmalloc(p->exchanges.n * sizeof *list.at), 0 };

	for (size_t i = 0; i < p->exchanges.n; i++) {
		const struct seen_exchange *x = &p->exchanges.at[i];
		if (is_request(x) && in_window(w, x->asked))
			list.at[list.n++] = x;
	}
	qsort(list.at, list.n, sizeof *list.at, by_asked);
	return list;
}

size_t requests_from(const struct requests *list, double time)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (list->at[middle]->asked < time)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct requests requests_in(const struct requests *list, const struct sample *s)
{
	size_t from = requests_from(list, s->begun), to = requests_from(list, sample_end(s));

	return (struct requests){ list->at + from, to - from };
}

size_t count_requests(const struct seen_proxy *p, struct window w, size_t kinds[KINDS])
{
	size_t n = 0;

	for (size_t i = 0; i < p->exchanges.n; i++) {
		const struct seen_exchange *x = &p->exchanges.at[i];
		if (!is_request(x) || !in_window(w, x->asked))
			continue;
		n++;
		for (unsigned k = 0; kinds && k < KINDS; k++)
			kinds[k] += x->kinds >> k & 1;
	}
	return n;
}

/* ---- samples ---- */

static int by_begun(const void *a, const void *b)
{
	const struct sample *x = *(const struct sample *const *)a;
	const struct sample *y = *(const struct sample *const *)b;

	return (x->begun > y->begun) - (x->begun < y->begun);
}

/* Those that began and ended in the window: at its end the audit may restart the application. */
static struct samples samples_of(const struct record *r, struct window w)
{
	struct samples list = { xmalloc(r->samples.n * sizeof *list.at), 0 };

	for (size_t i = 0; i < r->samples.n; i++)
		if (in_window(w, r->samples.at[i].begun)
		    && sample_end(&r->samples.at[i]) <= w.to + CLOCKS)
			list.at[list.n++] = &r->samples.at[i];
	qsort(list.at, list.n, sizeof *list.at, by_begun);
	return list;
}

static double last_sample(const struct record *r)
{
	double last = 0;

	for (size_t i = 0; i < r->samples.n; i++)
		if (sample_end(&r->samples.at[i]) > last)
			last = sample_end(&r->samples.at[i]);
	return last;
}

/* ---- the experiment ---- */

/* Notes which proxies were hit, and when first. */
static void find_strikes(struct measure *m)
{
	const struct record *r = m->record;

	m->strike = -1;
	m->hit[m->experiment->proxy] = true;
	for (size_t i = 0; i < m->experiment->aimed.n; i++)
		m->hit[m->experiment->aimed.at[i]] = true;
	for (size_t i = 0; i < r->proxies.n; i++) {
		const struct seen_proxy *p = &r->proxies.at[i];
		for (size_t j = 0; j < p->faults.n; j++) {
			const struct seen_fault *f = &p->faults.at[j];
			/* The API confirms a rule a moment after it is in force. */
			if (f->unreachable || f->time < m->fault.from - 0.5
			    || f->time > m->fault.to + 0.5)
				continue;
			m->hit[i] = true;
			if (m->strike < 0 || f->time < m->strike)
				m->strike = f->time;
		}
	}
}

void measure_begin(struct measure *m, const struct record *r, const struct experiment *e)
{
	double end = e->end >= 0 ? e->end : last_sample(r);
	double from = e->t_on >= 0 ? e->t_on : end, off = e->t_off >= 0 ? e->t_off : end;
	struct window baseline = { r->baseline_begun, r->baseline_ended };
	double lasted = baseline.to - baseline.from;

	*m = (struct measure){
		.record = r, .experiment = e, .proxy = &r->proxies.at[e->proxy],
		.hit = xcalloc(r->proxies.n, sizeof *m->hit),
		.fault = { from, off }, .end = end,
		.healed = e->reconnect ? e->t_on : e->t_off,
	};
	if (e->reconnect && off < end)
		m->end = off;           /* what is left of ill connections is reset then */
	find_strikes(m);
	if (m->strike >= 0 && m->strike < m->fault.from)        /* before the API confirmed it */
		m->fault.from = from = m->strike;
	m->requests = requests_of(m->proxy, (struct window){ from - BEFORE, end });
	m->baseline = requests_of(m->proxy, baseline);
	m->samples = samples_of(r, (struct window){ from - BEFORE, end });
	m->baseline_samples = samples_of(r, baseline);
	open_range(m->proxy, baseline, &m->least, &m->most);
	m->rate = lasted > 0 ? (double)m->baseline.n / lasted : 0;
}

void measure_end(struct measure *m)
{
	free(m->hit);
	free(m->requests.at);
	free(m->baseline.at);
	free(m->samples.at);
	free(m->baseline_samples.at);
}

bool probe_asks(const struct measure *m, unsigned probe)
{
	const struct seen_probe *p = &m->record->probes.at[probe];

	for (size_t i = 0; i < m->record->proxies.n; i++)
		if (m->hit[i] && p->needs[i].need != NEED_NO)
			return true;
	return false;
}

bool sample_counts(const struct measure *m, const struct sample *s)
{
	return s->alone && s->outcome != OUTCOME_SKIPPED && s->begun < m->fault.to
	       && sample_end(s) > m->fault.from && probe_asks(m, s->probe);
}
