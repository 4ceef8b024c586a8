/* experiment.c - one experiment: settle, fault on, observe, recovery, and what follows. */
#include "audit/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/application.h"
#include "audit/faults.h"
#include "audit/own.h"
#include "base/memory.h"

#define SETTLE_LEAST 2.0                /* seconds */

static double option_seconds(const struct run *run, size_t offset)
{
	return seconds_of(*(const int64_t *)((const char *)option_values(run->options) + offset));
}

#define SECONDS(run, name) option_seconds(run, offsetof(struct option_values, name))

static void activity(struct run *run, const char *what)
{
	snprintf(run->activity_text, sizeof run->activity_text, "%s", what);
	run->activity = run->activity_text;
}

static bool app_dead(const struct run *run)
{
	return run->app_wanted && !run->app.pid;
}

static bool steady(struct run *run)
{
	return probes_steady(&run->probers) || app_dead(run);
}

/* ---- a. settle ---- */

static void say_why(struct experiment *e, const char *text)
{
	free(e->why);
	e->why = xstrdup(text);
}

/* How long an ok sample takes at most: those of the last experiment that are under way end before
 * the next fault. */
static double sample_most(const struct run *run)
{
	double most = 0;

	for (size_t i = 0; i < run->record.probes.n; i++)
		most = fmax(most, run->record.probes.at[i].within);
	return fmin(most, SETTLE_LEAST);
}

/* When it began. The end of the baseline or of the last aftermath counts, if all probes were ok in
 * it: nothing was done meanwhile. */
static double settle_begin(struct run *run)
{
	double now = poller_now();
	double begun = fmax(run->calm, now - SETTLE_LEAST + sample_most(run));

	if (run->calm > 0 && steady(run) && !app_dead(run) && probes_good(&run->probers, begun))
		return begun;
	probes_watch(&run->probers, now);
	return now;
}

/* False: it is not steady, or the run has ended. */
static bool settle(struct run *run, struct planned *p)
{
	double begun = p->record->begun = settle_begin(run);
	char ill[120], why[200];

	activity(run, "settles");
	if (app_dead(run) && !application_restart(run)) {
		run_end(run, "application_exited", "COMMAND has ended, and could not be restarted");
		return false;
	}
	run->calm = 0;
	run_until(run, begun + SETTLE_LEAST, NULL);
	run_until(run, begun + fmax(SECONDS(run, give_up), SETTLE_LEAST), steady);
	if (run->how)
		return false;
	if (probes_steady(&run->probers))
		return true;
	snprintf(why, sizeof why, "it was not well before the fault: %s",
	         probes_ill(&run->probers, ill, sizeof ill));
	say_why(p->record, why);
	p->record->why_not = WHY_NOT_STEADY;
	return false;
}

/* ---- b, c. the fault ---- */

/* Turn the machine until it is over, or lingers. */
static enum phases_state drive(struct run *run, struct faults *f)
{
	enum phases_state state = PHASES_RUN;

	while (!run->how && !f->refused && !phases_inconclusive(f->phases)) {
		state = phases_tick(f->phases, poller_now());
		if (state != PHASES_RUN)
			break;
		poller_round(&run->poller, phases_next(f->phases));
	}
	return state;
}

/* Cure: reconnect. The rules stay, and recovery counts from when the fault came. The machine goes
 * on all the time, for rules are to be renewed. */
static void linger(struct run *run, struct faults *f)
{
	double from = f->first_on, most = from + SECONDS(run, give_up), calm = 0;
	double aftermath = SECONDS(run, aftermath);

	activity(run, "recovers");
	probes_watch(&run->probers, from);
	while (!run->how) {
		double now = poller_now();
		bool well = probes_steady(&run->probers);
		calm = !well ? 0 : calm > 0 ? calm : now;
		if ((calm > 0 && now >= calm + aftermath) || now >= most || app_dead(run))
			break;
		if (phases_tick(f->phases, now) != PHASES_LINGER)
			break;
		poller_round(&run->poller, fmin(phases_next(f->phases), now + 0.1));
	}
	f->record->end = poller_now();
	if (run->how)                   /* the fault is taken back at once */
		return;
	vaurien_connections(run);
	phases_cured(f->phases, poller_now());
	drive(run, f);
}

/* ---- d. recovery ---- */

/* Until all are well and stay so for the aftermath. */
static void recover(struct run *run, struct experiment *e)
{
	double from = e->t_off, most = from + SECONDS(run, give_up);

	activity(run, "recovers");
	probes_watch(&run->probers, from);
	while (!run->how && !app_dead(run) && run_until(run, most, steady) && !app_dead(run)) {
		run->calm = poller_now();
		run_until(run, run->calm + SECONDS(run, aftermath), NULL);
		if (probes_steady(&run->probers) || poller_now() >= most)
			break;
	}
	e->end = poller_now();
	if (!run->how)
		vaurien_connections(run);
}

/* ---- e. not recovered ---- */

/* False: the run has ended. */
static bool go_on(struct run *run, struct planned *p)
{
	char ill[120];

	if (run->how)
		return false;
	if (probes_steady(&run->probers) && !app_dead(run))
		return true;
	probes_ill(&run->probers, ill, sizeof ill);
	p->record->needed_restart = application_can_restart(run);
	run->calm = 0;
	activity(run, "restarts the application");
	if (application_can_restart(run) && application_restart(run))
		return true;
	run_end(run, "not_recovered", "after %s/%s the application did not recover (%s)%s",
	        run->record.proxies.at[p->proxy].name, p->scenario->name, ill,
	        application_can_restart(run) ? ", not even restarted" :
	        "; --restart-app would let the run go on");
	return false;
}

/* ---- all of it ---- */

static const struct { const char *how; enum why_not why_not; } reasons[] = {
	{ "interrupted", WHY_INTERRUPTED }, { "changed_by_others", WHY_CHANGED_BY_OTHERS },
};

/* It was begun, and the run ended in it. */
static void break_off(struct run *run, struct experiment *e)
{
	e->state = STATE_BROKEN_OFF;
	e->why_not = WHY_INCOMPLETE;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (!strcmp(reasons[i].how, run->how))
			e->why_not = reasons[i].why_not;
	if (e->end < 0)
		e->end = poller_now();
	if (!e->why)
		say_why(e, run->why);
}

/* An event that logs and metrics can be laid beside. */
static void mark(struct run *run, const struct planned *p, const char *what)
{
	if (!run->api.lost)
		api_send(&run->api, "POST", "/marks",
		         json_pack("{s:o}", "text", json_sprintf("audit: %.60s/%.60s %s",
		                   run->record.proxies.at[p->proxy].name, p->scenario->name,
		                   what)), NULL, NULL);
}

static void fault(struct run *run, struct planned *p, struct faults *f)
{
	struct experiment *e = p->record;

	activity(run, "");
	mark(run, p, "begins");
	faults_begin(f, run, e);
	f->phases = phases_start(p->script, &faults_calls, f, poller_now());
	enum phases_state state = drive(run, f);
	e->t_on = f->first_on;
	if (state == PHASES_LINGER && !run->how && f->first_on >= 0)
		linger(run, f);
	phases_stop(f->phases, poller_now());   /* nothing, if it is over; else all is taken back */
	mark(run, p, "has ended");
	e->t_off = f->last_off >= 0 ? f->last_off : poller_now();
	if (phases_inconclusive(f->phases)) {
		e->why_not = WHY_CONDITION;
		say_why(e, phases_inconclusive(f->phases));
	} else if (f->refused) {
		e->why_not = WHY_INCOMPLETE;
	}
}

bool experiment_run(struct run *run, struct planned *p)
{
	struct experiment *e = p->record;
	struct faults f;

	run->now = p;
	if (!settle(run, p)) {
		if (run->how && e->begun >= 0 && !e->why)
			say_why(e, run->why);
		bool more = !run->how && go_on(run, p);
		run->now = NULL;
		return more;
	}
	fault(run, p, &f);
	e->state = f.refused ? STATE_BROKEN_OFF : STATE_DONE;
	if (!run->how && !e->reconnect)
		recover(run, e);
	faults_end(&f);
	phases_free(f.phases);
	if (run->how)
		break_off(run, e);
	bool more = go_on(run, p);
	run->now = NULL;
	return more;
}
