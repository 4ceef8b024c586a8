/* measure_timeouts.c - the time-outs in force: how long the application waits for what a rule keeps
 * from it, until it gives up. */
#include <stdlib.h>

#include "audit/measure.h"
#include "base/memory.h"

#define AT_ONCE 0.25                    /* seconds from the end of a command to its sockets' */
#define A_WAIT  0.5                     /* seconds: a shorter wait shows no lack of a time-out */

struct waits {
	ROWS(double) given_up;
	unsigned waited;
	double watched;
};

/* ---- who gave up ---- */

/* The greeting, and logging in, are part of connecting. */
static bool is_connecting(const struct seen_proxy *p, const struct seen_gave_up *g)
{
	if (!g->exchange)
		return true;
	for (size_t i = p->exchanges.n; i-- > 0;) {
		const struct seen_exchange *x = &p->exchanges.at[i];
		if (x->connection == g->connection && x->exchange == g->exchange)
			return x->kinds & KIND_LOGINS;
	}
	return false;
}

/* Did the audit end it itself? It kills a probe's command that has had its time, and the sockets of
 * that with it; a COMMAND that has ended leaves none either. */
static bool was_killed(const struct measure *m, const struct seen_gave_up *g)
{
	double exited = m->experiment->exited_at, asked = g->time - g->waited;

	if (exited >= 0 && g->time >= exited - AT_ONCE && g->time <= exited + AT_ONCE)
		return true;
	for (size_t i = 0; i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		double ended = sample_end(s);
		if (s->outcome == OUTCOME_TIMEOUT && m->record->probes.at[s->probe].command
		    && asked >= s->begun && g->time >= ended - 0.01 && g->time <= ended + AT_ONCE)
			return true;
	}
	return false;
}

static void waits_add(struct waits *w, double waited, bool given_up)
{
	w->waited++;
	if (given_up)
		*ROWS_ADD(&w->given_up) = waited;
	if (waited > w->watched)
		w->watched = waited;
}

/* ---- who waits still ---- */

static bool gave_up(const struct seen_proxy *p, const struct seen_exchange *x)
{
	for (size_t i = p->gave_up.n; i-- > 0;)
		if (p->gave_up.at[i].connection == x->connection
		    && p->gave_up.at[i].exchange == x->exchange)
			return true;
	return false;
}

/* Struck in the fault, and it waited for the fault's end. */
static bool waited_on(const struct measure *m, const struct seen_exchange *x)
{
	return x->struck && x->asked >= m->fault.from - 0.5 && x->asked <= m->fault.to - A_WAIT
	       && x->ended >= m->fault.to - 0.05
	       && (x->answered < 0 || x->answered >= m->fault.to - 0.05);
}

static void find_waiting(const struct measure *m, struct waits *connect, struct waits *request)
{
	const struct seen_proxy *p = m->proxy;

	for (size_t i = 0; i < p->exchanges.n; i++) {
		const struct seen_exchange *x = &p->exchanges.at[i];
		if (waited_on(m, x) && !gave_up(p, x))
			waits_add(!x->exchange || x->kinds & KIND_LOGINS ? connect : request,
			          m->fault.to - x->asked, false);
	}
	for (size_t i = 0; i < p->connections.n; i++) {         /* requests that wait now */
		const struct seen_connection *c = &p->connections.at[i];
		if (c->closed < 0 && c->stuck_since >= m->fault.from - 0.5
		    && c->stuck_since <= m->fault.to - A_WAIT && c->looked >= m->fault.to - 0.05)
			waits_add(request, m->fault.to - c->stuck_since, false);
	}
}

/* ---- figures ---- */

static void figures_make(struct waits *w, struct timeout_figures *f)
{
	size_t n = w->given_up.n;
	double median = median_of(w->given_up.at, n);

	*f = (struct timeout_figures){
		.waited = w->waited, .given_up = (unsigned)n, .watched = w->watched,
		.least = n ? w->given_up.at[0] : -1, .median = median,
		.most = n ? w->given_up.at[n - 1] : -1,
	};
	free(w->given_up.at);
}

void measure_timeouts(const struct measure *m, struct timeout_figures *connect,
                      struct timeout_figures *request)
{
	struct waits connecting = { 0 }, asking = { 0 };

	for (size_t i = 0; i < m->proxy->gave_up.n; i++) {
		const struct seen_gave_up *g = &m->proxy->gave_up.at[i];
		if (g->ruled && g->time >= m->fault.from && g->time <= m->end && !was_killed(m, g))
			waits_add(is_connecting(m->proxy, g) ? &connecting : &asking, g->waited,
			          true);
	}
	find_waiting(m, &connecting, &asking);
	figures_make(&connecting, connect);
	figures_make(&asking, request);
}
