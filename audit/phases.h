/* phases.h - runs a script: a state machine that never waits and does no input or output.
 *
 * The caller gives it the time, and carries out what it calls for, in the order of the calls. Rules
 * are leased: they end by themselves RULE_TTL after the last renewal. */
#ifndef AUDIT_PHASES_H
#define AUDIT_PHASES_H

#include "audit/leases.h"
#include "audit/scenario.h"

#define PHASES_LOOK 0.1                 /* seconds between two looks at conditions, at most */

/* What a scenario does beside rules. The last two are the machine's own. `disable` is a rule with
 * a lease, as all rules, and ACT_CLOSE: so a port is open again when the auditor is killed. */
enum act_kind {
	ACT_CLOSE, ACT_RESET,           /* all connections; with --only-client, of these clients */
	ACT_BACKEND,                    /* text: HOST:PORT */
	ACT_RUN,                        /* text: the command; answer by phases_ran(), in 30 s */
	ACT_MARK,                       /* text; proxy is NULL */
	ACT_BACKEND_BACK,               /* the backend that it had before the script */
	ACT_RESET_OLD,                  /* connections that were opened before `before` */
};

struct act {
	enum act_kind kind;
	const char *proxy;
	const char *text;
	double before;
	unsigned run;                   /* of ACT_RUN: for phases_ran() */
};

struct phase_report {                   /* borrowed, during the call */
	const char *name;               /* "killed"; within a `use`: "twice.1.refuses" */
	bool faulty;
	double begun, ended;            /* ended < 0: it goes on */
};

struct expect_report {
	const char *phase;
	const char *text;               /* "always probe.front = ok" */
	struct file_place place;
	bool held;
	bool known;                     /* false: the metric had no value in all the phase */
	const char *seen;               /* "error", "37", "2.41 s": what the last look saw */
	double at;                      /* when it was decided */
};

struct phases_calls {
	struct lease_calls rules;
	void (*act)(void *user, const struct act *);
	metric_get *metric;             /* all but METRIC_CLOCK; `proxy` is always set */
	void (*began)(void *user, const struct phase_report *);
	void (*ended)(void *user, const struct phase_report *);
	void (*expectation)(void *user, const struct expect_report *);
};

enum phases_state {
	PHASES_RUN,
	PHASES_LINGER,                  /* cure = reconnect: rules stay until phases_cured() */
	PHASES_OVER,
};

struct phases;

/* Begin at `now`, with a first tick. The script and `calls` must outlive it. */
struct phases *phases_start(const struct script *, const struct phases_calls *, void *user,
                            double now);
void phases_free(struct phases *);

/* Go on: call it at phases_next() at the latest, and after each sample. */
enum phases_state phases_tick(struct phases *, double now);
double phases_next(const struct phases *);

/* cure = reconnect: all probes have recovered, or are given up. */
void phases_cured(struct phases *, double now);

/* Take everything back at once: rules, ports, backends. Phases end; expectations that are open are
 * not judged. It is over then. Twice is fine. */
void phases_stop(struct phases *, double now);

/* The command of an ACT_RUN has ended; 0: well. */
void phases_ran(struct phases *, unsigned run, int exit_code, double now);

/* When the first fault began, and the last one ended; < 0: not yet. With cure = reconnect the
 * fault of new connections never begins: recovery counts from phases_on(). */
double phases_on(const struct phases *);
double phases_off(const struct phases *);

/* The sentence of what made it inconclusive: a condition that never held. NULL: nothing. */
const char *phases_inconclusive(const struct phases *);
bool phases_expectations_hold(const struct phases *);   /* of those judged so far; also `run` */
const char *phases_current(const struct phases *);      /* name of the phase that began last */

#endif
