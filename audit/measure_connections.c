/* measure_connections.c - figures of a proxy's connections in an experiment: how many, and which of
 * them the application left broken or forgot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/measure.h"
#include "base/memory.h"

#define STORM   10                      /* connections in a second that are no storm yet */
#define MOMENT  0.002                   /* seconds before the fault that may close them at once */
#define UNDER_WAY 0.1                   /* seconds before the fault that a request may be asked */
#define PENDING 2.0                     /* seconds: a younger request may still be answered */

/* ---- how many ---- */

/* How many were opened in the window; *peak: most of them in one second. */
static unsigned opened_in(const struct seen_proxy *p, struct window w, unsigned *peak)
{
	double *times = xmalloc(p->connections.n * sizeof *times);
	size_t n = 0, first = 0;

	*peak = 0;
	for (size_t i = 0; i < p->connections.n; i++)
		if (in_window(w, p->connections.at[i].opened))
			times[n++] = p->connections.at[i].opened;
	sort_values(times, n);
	for (size_t i = 0; i < n; i++) {
		while (times[i] - times[first] >= 1)
			first++;
		if (i - first + 1 > *peak)
			*peak = (unsigned)(i - first + 1);
	}
	free(times);
	return (unsigned)n;
}

/* An application without a pool opens many in a second normally. */
static void count_opened(const struct measure *m, struct connection_figures *f)
{
	struct window normal = { m->record->baseline_begun, m->record->baseline_ended };
	unsigned usual;

	opened_in(m->proxy, normal, &usual);
	f->opened = opened_in(m->proxy, (struct window){ m->fault.from, m->end }, &f->peak);
	f->storm = f->peak > STORM && f->peak > 2 * m->most && f->peak > 2 * usual;
}

/* ---- broken ones ---- */

/* How long a request may take without being stuck. */
static double find_patience(const struct measure *m)
{
	double slowest = 0;

	for (size_t i = 0; i < m->baseline.n; i++) {
		const struct seen_exchange *x = m->baseline.at[i];
		if (x->answered - x->asked > slowest)
			slowest = x->answered - x->asked;
	}
	return 3 * slowest > PENDING ? 3 * slowest : PENDING;
}

/* Did it wait, at the last look, for an answer to a request that the fault has met? */
static bool is_stuck(const struct measure *m, const struct seen_connection *c, double patience)
{
	double last = m->experiment->reconnect ? m->end : m->fault.to + MOMENT;

	return c->stuck_since >= m->fault.from - UNDER_WAY && c->stuck_since <= last
	       && c->looked >= m->fault.from && c->stuck_since <= c->looked - patience
	       && c->stuck_since <= m->end - patience && connection_open(c, m->end)
	       && !record_waits_always(m->proxy, c->stuck_verb);
}

struct answers { unsigned n[KINDS], errors[KINDS]; const char *error; };

static void answers_add(struct answers *a, const struct seen_exchange *x)
{
	for (unsigned k = 0; k < KINDS; k++)
		if (x->kinds >> k & 1) {
			a->n[k]++;
			a->errors[k] += *x->error != 0;
		}
	if (*x->error)
		a->error = x->error;
}

static bool is_poisoned(const struct measure *m, const struct seen_connection *c,
                        const struct answers *normal, struct answers *a)
{
	for (size_t i = requests_from(&m->requests, m->healed); i < m->requests.n; i++)
		if (m->requests.at[i]->connection == c->number && m->requests.at[i]->answered >= 0
		    && m->requests.at[i]->asked <= m->end)
			answers_add(a, m->requests.at[i]);
	for (unsigned k = 0; k < KINDS; k++)
		if (a->n[k] >= 2 && a->errors[k] == a->n[k] && !normal->errors[k])
			return true;
	return false;
}

static void count_broken(const struct measure *m, struct connection_figures *f)
{
	struct answers normal = { 0 };
	double patience = find_patience(m);

	for (size_t i = 0; i < m->baseline.n; i++)
		answers_add(&normal, m->baseline.at[i]);
	for (size_t i = 0; i < m->proxy->connections.n; i++) {
		const struct seen_connection *c = &m->proxy->connections.at[i];
		struct answers a = { 0 };
		f->unnoticed += c->unnoticed && c->closed >= m->fault.from && c->closed <= m->end;
		f->stuck += is_stuck(m, c, patience);
		if (m->healed < 0 || !connection_open(c, m->end) || !is_poisoned(m, c, &normal, &a))
			continue;
		f->poisoned++;
		snprintf(f->poisoned_error, sizeof f->poisoned_error, "%s", a.error ? a.error : "");
	}
}

/* ---- silent ones ---- */

static bool was_silenced(const struct measure *m, const struct seen_connection *c)
{
	for (size_t i = 0; i < m->proxy->faults.n; i++) {
		const struct seen_fault *f = &m->proxy->faults.at[i];
		if (f->silences && f->connection == c->number && f->time >= m->fault.from - 0.5
		    && f->time <= m->end)
			return true;
	}
	return false;
}

static void count_silent(const struct measure *m, struct connection_figures *f)
{
	for (size_t i = 0; i < m->proxy->connections.n; i++) {
		const struct seen_connection *c = &m->proxy->connections.at[i];
		f->silent += connection_open(c, m->fault.from - MOMENT) && was_silenced(m, c);
	}
	f->replaced = f->silent < f->opened ? f->silent : f->opened;
}

/* ---- forgotten ones ---- */

struct idle { const struct seen_connection *connection; double used; };

static int by_used(const void *a, const void *b)
{
	const struct idle *x = a, *y = b;

	return (x->used > y->used) - (x->used < y->used);
}

/* When its last request before `until` was made; if it had none, when it was opened. */
static double used_before(const struct measure *m, const struct seen_connection *c, double until)
{
	double used = c->opened;

	for (size_t i = 0; i < m->proxy->exchanges.n; i++) {
		const struct seen_exchange *x = &m->proxy->exchanges.at[i];
		if (x->connection == c->number && x->exchange && x->asked > used
		    && x->asked <= until)
			used = x->asked;
	}
	if (c->used > used && c->used <= until)         /* raw ones: by the looks at them */
		used = c->used;
	return used;
}

static unsigned normal_most(const struct measure *m)
{
	unsigned least, most;
	double begun = m->experiment->begun >= 0 ? m->experiment->begun : m->fault.from;

	open_range(m->proxy, (struct window){ begun, m->fault.from }, &least, &most);
	return most > m->most ? most : m->most;
}

void measure_suspects(const struct measure *m, void (*each)(void *, const struct seen_connection *),
                      void *user)
{
	const struct seen_proxy *p = m->proxy;
	const struct experiment *e = m->experiment;
	unsigned open = open_at(p, m->end), normal = normal_most(m);
	double quiet = e->reconnect ? m->end - m->record->limits.aftermath : e->t_off;
	size_t n = 0;

	if (open <= normal || m->healed < 0)
		return;
	struct idle *idle = xmalloc(p->connections.n * sizeof *idle);
	for (size_t i = 0; i < p->connections.n; i++) {
		const struct seen_connection *c = &p->connections.at[i];
		double used = connection_open(c, m->end) && c->opened < quiet && !was_silenced(m, c)
		              ? used_before(m, c, m->end) : -1;
		/* Those that were left over before are not this experiment's. */
		if (used >= e->begun && used >= 0 && used < quiet)
			idle[n++] = (struct idle){ c, used };
	}
	qsort(idle, n, sizeof *idle, by_used);          /* those unused for longest are left over */
	for (size_t i = 0; i < n && i < open - normal; i++)
		each(user, idle[i].connection);
	free(idle);
}

static void suspect_count(void *n, const struct seen_connection *c)
{
	++*(unsigned *)n;
}

void measure_connections(const struct measure *m, struct connection_figures *f)
{
	*f = (struct connection_figures){
		.before = open_at(m->proxy, m->fault.from - MOMENT),
		.after = open_at(m->proxy, m->end),
		.normal = normal_most(m),
	};
	count_opened(m, f);
	count_broken(m, f);
	count_silent(m, f);
	measure_suspects(m, suspect_count, &f->suspects);
}
