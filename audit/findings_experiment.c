/* findings_experiment.c - findings on an experiment as a whole: what its result rests on, and what
 * the application did that no single probe shows. */
#include <stdio.h>

#include "audit/finding.h"

static const struct experiment *experiment_of(const struct evidence *e)
{
	return e->measure->experiment;
}

static bool because(const struct evidence *e, enum why_not why, const char *usual,
                    char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);

	return x->why_not == why && say(text, "%s", x->why ? x->why : usual);
}

/* ---- what the application did ---- */

static bool exited(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);

	return x->exited && say(text, "the application ended%s%s", x->exit_text ? ": " : "",
	                        x->exit_text ? x->exit_text : "");
}

static bool expectation(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);
	const struct expect_record *first = NULL;
	const struct phase_record *in = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < x->phases.n; i++)
		for (size_t j = 0; j < x->phases.at[i].expectations.n; j++) {
			const struct expect_record *a = &x->phases.at[i].expectations.at[j];
			if (a->held)
				continue;
			if (!n++) {
				first = a;
				in = &x->phases.at[i];
			}
		}
	if (!first)
		return false;
	say(text, "%s: %s: %s", in->name, first->text, first->why ? first->why : "did not hold");
	if (n > 1) {
		size_t at = 0;
		while (text[at])
			at++;
		snprintf(text + at, FINDING_TEXT - at, ", and %u more do not hold", n - 1);
	}
	return true;
}

static bool needed_restart(const struct evidence *e, char text[FINDING_TEXT])
{
	return experiment_of(e)->needed_restart
	       && say(text, "it did not recover, and was restarted");
}

/* ---- was it struck? ---- */

/* An experiment without rules strikes by what it does to connections. */
static bool has_rules(const struct experiment *x)
{
	for (size_t i = 0; i < x->phases.n; i++)
		if (x->phases.at[i].rules.n)
			return true;
	return !x->phases.n;
}

/* What a closed port turns away, nobody can count. It was struck, if a page that asks it failed, or
 * if most were slow. */
static bool port_was_missed(const struct evidence *e)
{
	const struct measure *m = e->measure;
	unsigned asked = 0, slow = 0;

	for (size_t i = 0; m->experiment->of_port && i < m->samples.n; i++) {
		const struct sample *s = m->samples.at[i];
		if (s->begun >= m->fault.to || sample_end(s) <= m->fault.from ||
		    s->outcome == OUTCOME_SKIPPED || !probe_asks(m, s->probe))
			continue;
		if (outcome_fails(s->outcome))
			return true;
		asked++;
		slow += s->outcome == OUTCOME_SLOW;
	}
	return asked && 2 * slow > asked;
}

static bool never_struck(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);

	return has_begun(x) && !x->hits && !x->unreachable && has_rules(x)
	       && !port_was_missed(e)
	       && say(text, "the fault has struck nothing%s%s",
	              x->missed ? "; the nearest request was " : "",
	              x->missed ? x->missed : "");
}

static bool unreachable(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);

	return has_begun(x) && !x->hits && x->unreachable
	       && say(text, "the fault could strike none of %llu: the traffic of %s cannot be read"
	              " (TLS, or another protocol)", (unsigned long long)x->unreachable,
	              e->measure->proxy->name);
}

/* ---- was it whole? ---- */

static bool no_traffic(const struct evidence *e, char text[FINDING_TEXT])
{
	return because(e, WHY_NO_TRAFFIC, "nothing comes through the proxy", text);
}

static bool not_steady(const struct evidence *e, char text[FINDING_TEXT])
{
	return because(e, WHY_NOT_STEADY, "the probes were not well before it", text);
}

static bool condition(const struct evidence *e, char text[FINDING_TEXT])
{
	return because(e, WHY_CONDITION, "a condition of its phases never held", text);
}

static bool changed_by_others(const struct evidence *e, char text[FINDING_TEXT])
{
	return because(e, WHY_CHANGED_BY_OTHERS, "somebody else changed the rules", text);
}

static bool interrupted(const struct evidence *e, char text[FINDING_TEXT])
{
	return because(e, WHY_INTERRUPTED, "the run was ended in it", text);
}

static bool not_run(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct experiment *x = experiment_of(e);

	if (because(e, WHY_NOT_RUN, "the run ended before it", text))
		return true;
	return x->state == STATE_NOT_RUN && x->why_not == WHY_NONE
	       && say(text, "%s", x->why ? x->why : "the run ended before it");
}

static bool incomplete(const struct evidence *e, char text[FINDING_TEXT])
{
	const struct record *r = e->measure->record;
	const struct experiment *x = experiment_of(e);

	if (because(e, WHY_INCOMPLETE, "not all of it could be seen", text))
		return true;
	for (size_t i = 0; has_begun(x) && i < r->losses.n; i++)
		if (r->losses.at[i] >= x->begun && r->losses.at[i] <= e->measure->end + 1)
			return say(text, "events were lost, so its figures are incomplete");
	return false;
}

const struct finding findings_experiment[] = {
	{ "exited", SEVERITY_FAIL, exited, "the application ends when %s is ill",
	  "handle errors of idle connections and of background work" },
	{ "expectation", SEVERITY_FAIL, expectation, "expectations of scenarios on %s do not hold",
	  "" },
	{ "unreachable", SEVERITY_INCONCLUSIVE, unreachable, "the traffic of %s cannot be struck",
	  "let the application connect to the proxy without TLS, or choose its protocol" },
	{ "no_traffic", SEVERITY_INCONCLUSIVE, no_traffic, "nothing comes through %s",
	  "point the application's settings at the proxy" },
	{ "never_struck", SEVERITY_INCONCLUSIVE, never_struck, "faults of %s struck nothing",
	  "add a probe that asks for what the fault strikes" },
	{ "not_steady", SEVERITY_INCONCLUSIVE, not_steady, "the probes were not well before faults"
	  " of %s", "look at the experiment before it" },
	{ "condition", SEVERITY_INCONCLUSIVE, condition, "conditions of scenarios on %s never held",
	  "" },
	{ "incomplete", SEVERITY_INCONCLUSIVE, incomplete, "not all of %s could be seen",
	  "ask less often, or run the auditor on a machine that has time" },
	{ "changed_by_others", SEVERITY_INCONCLUSIVE, changed_by_others,
	  "the rules of %s were changed by others", "audit a proxy that nobody else uses" },
	{ "interrupted", SEVERITY_INCONCLUSIVE, interrupted, "the run was interrupted", "" },
	{ "not_run", SEVERITY_INCONCLUSIVE, not_run, "faults of %s were not tried", "" },
	{ "needed_restart", SEVERITY_NOTE, needed_restart, "restarted after faults of %s", "" },
	{ NULL }
};
