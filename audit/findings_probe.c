/* findings_probe.c - findings on a probe in an experiment: what its users met, in the fault and
 * after. */
#include <stdio.h>
#include <string.h>

#include "audit/finding.h"

#define ENOUGH 3                        /* samples in the fault */

static unsigned asked(const unsigned n[OUTCOMES])
{
	return n[OUTCOME_OK] + n[OUTCOME_SLOW] + n[OUTCOME_ERROR] + n[OUTCOME_TIMEOUT]
	       + n[OUTCOME_DOWN];
}

static unsigned failed(const unsigned n[OUTCOMES])
{
	return n[OUTCOME_ERROR] + n[OUTCOME_TIMEOUT] + n[OUTCOME_DOWN];
}

static const struct seen_probe *probe_of(const struct evidence *e)
{
	return &e->measure->record->probes.at[e->probe];
}

static double within(const struct evidence *e)
{
	double own = e->measure->experiment->recover_within;

	return own > 0 ? own : e->measure->record->limits.recover_within;
}

static const char *tried(const struct evidence *e)
{
	static const char *const words[] = {
		[TRIED_NOTHING] = "nothing was tried",
		[TRIED_ASKED] = "it asked on old connections, and opened none",
		[TRIED_CONNECTED] = "it opened connections",
	};

	return words[e->figures->tried];
}

/* ---- in the fault ---- */

static bool hangs(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	char b[24];

	return f->asks && f->during[OUTCOME_TIMEOUT]
	       && say(text, "%u of %u samples in the fault had no answer in %s",
	              f->during[OUTCOME_TIMEOUT], asked(f->during),
	              show_seconds(probe_of(e)->timeout, b));
}

static bool down(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	unsigned in = f->during[OUTCOME_DOWN], after = f->after[OUTCOME_DOWN];
	char b[24];

	return (in || after)
	       && say(text, "the application itself refused, reset or closed %s in the fault and %u"
	              " after", show_some(in, "sample", b), after);
}

static bool collateral(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	unsigned n = failed(f->during), after = f->failures_after;

	return !f->asks && (n || after)
	       && say(text, "it asked nothing of %s in the baseline, and %u of %u samples in the"
	              " fault failed and %u after", e->measure->proxy->name, n,
	              asked(f->during), after);
}

/* "works", or "works:db,cache" with a proxy that was hit. */
static bool expected_to_work(const struct evidence *e)
{
	const char *expect = probe_of(e)->expect;

	if (!expect || strncmp(expect, "works", 5))
		return false;
	if (expect[5] != ':')
		return true;
	for (size_t i = 0; i < e->measure->record->proxies.n; i++) {
		const char *name = e->measure->record->proxies.at[i].name;
		size_t n = strlen(name);
		for (const char *p = expect + 6; e->measure->hit[i] && *p; p += strcspn(p, ",")) {
			p += *p == ',';
			if (!strncmp(p, name, n) && (!p[n] || p[n] == ','))
				return true;
		}
	}
	return false;
}

static bool must_work(const struct evidence *e, char text[FINDING_TEXT])
{
	unsigned n = failed(e->figures->during) + failed(e->figures->after);
	char b[24];

	return n && expected_to_work(e)
	       && say(text, "it is expected to work, and %s did not", show_some(n, "sample", b));
}

static bool errors(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	char b[24];

	if (!f->asks || !f->during[OUTCOME_ERROR])
		return false;
	/* Failures until it has new connections are stale_pool or late_failures. */
	if (e->measure->experiment->reconnect && f->recover >= 0
	    && f->during[OUTCOME_ERROR] <= f->failures_after)
		return false;
	bool fast = f->worst == OUTCOME_ERROR;
	return say(text, "%u of %u samples in the fault were errors%s%s", f->during[OUTCOME_ERROR],
	           asked(f->during), fast ? ", after " : "",
	           fast ? show_seconds(f->answer_median, b) : "");
}

static bool slow(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	unsigned n = f->during[OUTCOME_SLOW];
	double within = probe_of(e)->within;
	char b[24];

	if (within < 1)                         /* the default is 250 ms */
		snprintf(b, sizeof b, "%.0f ms", within * 1000);
	else
		show_seconds(within, b);
	return n >= 2 && n * 10 >= asked(f->during)
	       && say(text, "%u of %u samples in the fault took longer than %s", n,
	              asked(f->during), b);
}

static bool too_few(const struct evidence *e, char text[FINDING_TEXT])
{
	unsigned n = asked(e->figures->during);
	char b[24];

	return n < ENOUGH && say(text, "%s in the fault: %d are needed",
	                         show_some(n, "sample", b), ENOUGH);
}

/* ---- after it ---- */

static bool not_recovered(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct measure *m = e->measure;
	char b[24];

	return m->healed >= 0 && e->figures->recover < 0 && m->experiment->state == STATE_DONE
	       && !m->experiment->exited
	       && say(text, "not back %s after the fault; %s",
	              show_seconds(m->end - m->healed, b), tried(e));
}

static bool recovered_late(const struct evidence *e, char text[FINDING_TEXT])
{
	char b[24], c[24];

	return e->figures->recover > within(e)
	       && say(text, "back after %s, which is later than %s; %s",
	              show_seconds(e->figures->recover, b), show_seconds(within(e), c), tried(e));
}

static bool in_time(const struct evidence *e)
{
	return e->figures->recover >= 0 && e->figures->recover <= within(e);
}

static bool stale_pool(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	unsigned pool = e->connections.before;
	const char *how = f->without_asking >= 2 && f->without_asking >= pool
	                          ? ": none is tested before use"
	                : f->without_asking == 1 && pool > 1
	                          ? ": the first failure empties the pool" : "";
	char b[24], c[24];

	return in_time(e) && f->without_asking
	       && say(text, "%s after the fault failed without asking %s, with %s before%s",
	              show_some(f->without_asking, "sample", b), e->measure->proxy->name,
	              show_some(pool, "connection", c), how);
}

static bool late_failures(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct probe_figures *f = e->figures;
	unsigned n = f->failures_after - f->without_asking;
	char b[24], c[24];

	return f->asks && in_time(e) && n
	       && say(text, "%s failed after the fault; back after %s",
	              show_some(n, "sample", c), show_seconds(f->recover, b));
}

/* The shell's codes for a command that it cannot find or run. */
static bool incomplete(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct record *r = e->measure->record;

	if (!probe_of(e)->command)
		return false;
	for (size_t i = 0; i < e->measure->samples.n; i++) {
		const struct sample *s = e->measure->samples.at[i];
		const char *answer = sample_answer(r, s);
		if (s->probe == e->probe
		    && (!strcmp(answer, "exit 126") || !strcmp(answer, "exit 127")))
			return say(text, "the probe's command could not be run: %s", answer);
	}
	return false;
}

const struct finding findings_probe[] = {
	{ "hangs", SEVERITY_FAIL, hangs, "requests to %s have no time-out, or a long one",
	  "set a time-out in the driver, shorter than the probe's" },
	{ "down", SEVERITY_FAIL, down, "the application itself does not serve when %s is ill",
	  "answer with an error instead; look into its log, and at its workers" },
	{ "collateral", SEVERITY_FAIL, collateral,
	  "pages fail with %s, which they did not ask in the baseline",
	  "give pages that wait a time-out, or workers and pools of their own; if they ask it at "
	  "times, as behind a cache, name it in asks= of the probe" },
	{ "must_work", SEVERITY_FAIL, must_work, "%s: expected to work, and fails",
	  "answer from a cache or without that part", true },
	{ "not_recovered", SEVERITY_FAIL, not_recovered, "not back by itself after faults of %s",
	  "discard connections that failed, and let the pool open new ones" },
	{ "recovered_late", SEVERITY_FAIL, recovered_late, "back late after faults of %s",
	  "shorten the waits of circuit breakers, pools and back-off" },
	{ "incomplete", SEVERITY_INCONCLUSIVE, incomplete, "not all could be seen", "" },
	{ "too_few", SEVERITY_INCONCLUSIVE, too_few, "%s: too few samples in the fault",
	  "ask more often (every=) or let the fault last longer (--fault-time)", true },
	{ "stale_pool", SEVERITY_DEGRADED, stale_pool, "pooled connections to %s are not tested",
	  "test connections before use, or replace all at the first dead one; shorten breakers" },
	{ "late_failures", SEVERITY_DEGRADED, late_failures, "fails for a while after faults of %s",
	  "look at what it waits for: pools, breakers, look-ups" },
	{ "errors", SEVERITY_DEGRADED, errors, "answers with errors while %s is ill",
	  "leave it, if an error is the right answer; else use a cache or a fallback" },
	{ "slow", SEVERITY_DEGRADED, slow, "slow while %s is ill",
	  "give up sooner, if it waits for what is ill" },
	{ NULL }
};
