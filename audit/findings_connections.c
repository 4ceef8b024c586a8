/* findings_connections.c - findings on a proxy's connections and requests in an experiment. */
#include <stdio.h>

#include "audit/finding.h"

#define STORM 3.0                       /* times the baseline's requests */

/* ---- broken ---- */

static bool stuck(const struct evidence *e, char text[FINDING_TEXT])
{
	char b[24];

	return e->connections.stuck
	       && say(text, "on %s an answer never came, and the application waits on",
	              show_some(e->connections.stuck, "connection", b));
}

static bool poisoned(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct connection_figures *c = &e->connections;

	return c->poisoned
	       && say(text, "%u of %u connections are in use, and answer all requests of a kind"
	              " with errors%s%s", c->poisoned, c->after,
	              *c->poisoned_error ? ": " : "", c->poisoned_error);
}

static bool executed_twice(const struct evidence *e, char text[FINDING_TEXT])
{
	const char *were = e->twice == 1 ? "was" : "were";
	char b[24];

	return e->twice
	       && say(text, "%s %s done, lost the answer, and %s requested and done again",
	              show_some(e->twice, "write", b), were, were);
}

/* ---- storms ---- */

static bool reconnect_storm(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct connection_figures *c = &e->connections;

	return c->storm
	       && say(text, "%u connections were opened in one second, %u in all; normal is %u"
	              " open", c->peak, c->opened, e->measure->most);
}

static bool retry_storm(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct retry_figures *r = &e->retries;
	bool sample = r->per_sample >= r->per_second;
	double times = sample ? r->per_sample : r->per_second;

	return times > STORM
	       && say(text, "%.1f times as many requests a %s as normal; at most %u retries of one"
	              " request, %s", times, sample ? "sample" : "second", r->most,
	              spacing_names[r->spacing]);
}

static bool stampede(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct load_figures *l = &e->load;

	if (!e->stampede)
		return false;
	if (l->exchanges >= 0)
		return say(text, "%s carried %.1f requests a second, %.1f times as many as normal",
		           e->stampede, l->rate, l->exchanges);
	return say(text, "%s carried %.1f requests a second, and none normally", e->stampede,
	           l->rate);
}

/* ---- notes ---- */

static bool unnoticed(const struct evidence *e, char text[FINDING_TEXT])
{
	char b[24];

	return e->connections.unnoticed
	       && say(text, "the server closed %s, and the application did not do so within 1 s",
	              show_some(e->connections.unnoticed, "connection", b));
}

static bool more_connections(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct connection_figures *c = &e->connections;

	return c->after > c->normal
	       && say(text, "%u connections are open after the fault, and at most %u before",
	              c->after, c->normal);
}

static bool no_backoff(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct retry_figures *r = &e->retries;
	char b[24];

	return r->spacing == SPACING_IMMEDIATE && r->most >= 2
	       && say(text, "up to %u retries of one request, %s apart", r->most,
	              show_seconds(r->gap, b));
}

static bool no_timeout(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct timeout_figures *t = &e->request;
	double lasted = e->measure->fault.to - e->measure->fault.from;
	char b[24], c[24];

	return t->waited && !t->given_up && t->watched >= 1 && t->watched >= lasted / 2
	       && say(text, "time-out in force: none in %s (%s waited)",
	              show_seconds(t->watched, b), show_some(t->waited, "request", c));
}

/* ---- the run's ---- */

const struct finding finding_leak = {
	"leak", SEVERITY_FAIL, NULL, "connections to %s are forgotten and stay open",
	"close the old connection before opening a new one",
};

const struct finding findings_connections[] = {
	{ "executed_twice", SEVERITY_FAIL, executed_twice, "writes to %s are executed twice",
	  "retry writes with an idempotency key alone" },
	{ "poisoned", SEVERITY_FAIL, poisoned, "broken connections to %s go back into the pool",
	  "roll back and test connections after errors; discard those of a read-only server" },
	{ "stuck", SEVERITY_FAIL, stuck, "requests to %s wait for ever",
	  "set a time-out for answers in the driver, or TCP keep-alive" },
	{ "reconnect_storm", SEVERITY_DEGRADED, reconnect_storm,
	  "connects to %s much more often than it has connections",
	  "wait between attempts to connect, longer each time, and with jitter" },
	{ "retry_storm", SEVERITY_DEGRADED, retry_storm, "retries multiply the load on %s",
	  "limit retries, wait longer before each, and share a budget" },
	{ "stampede", SEVERITY_DEGRADED, stampede, "the load moves to others while %s is ill",
	  "let one request of a kind fill the cache while the others wait" },
	{ "unnoticed", SEVERITY_NOTE, unnoticed, "closed connections to %s stay in the pool", "" },
	{ "more_connections", SEVERITY_NOTE, more_connections, "more connections to %s than before",
	  "" },
	{ "no_backoff", SEVERITY_NOTE, no_backoff, "retries to %s follow at once",
	  "wait before each retry, longer each time" },
	{ "no_timeout", SEVERITY_NOTE, no_timeout, "requests to %s have no time-out",
	  "set a time-out in the driver" },
	{ NULL }
};
