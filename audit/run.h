/* run.h - one run of the auditor: everything that its steps share.
 *
 * Steps are plain sequential code. They wait with run_until(), which turns the poller, so probes,
 * events and looks go on meanwhile. A run that is to end sets `how` (run_end()), and every wait
 * returns at once; what takes faults back waits in spite of it. */
#ifndef AUDIT_RUN_H
#define AUDIT_RUN_H

#include "audit/api.h"
#include "audit/keeper.h"
#include "audit/options.h"
#include "audit/poller.h"
#include "audit/probes.h"
#include "audit/process.h"
#include "audit/record.h"
#include "audit/report.h"
#include "audit/scenario.h"

struct planned {                        /* an experiment of the plan */
	const struct scenario *scenario;
	struct script *script;          /* NULL: it cannot be run, see the record's `why` */
	unsigned proxy;
	struct experiment *record;
};

struct run_proxy {                      /* a proxy that is audited, by the record's number */
	char *backend;                  /* where it leads now */
	char *rules;                    /* names of the rules that it had before, ",a,b," */
	bool vanishes, tls;             /* see struct scenario_proxy */
};

struct run {
	struct options *options;
	struct poller poller;
	struct api api;
	struct record record;
	struct probers probers;
	struct report_screen screen;
	const char *activity;           /* for the live line; NULL: none */
	char activity_text[64];

	/* how it ended: see run_end() */
	const char *how;                /* NULL: it has not, or it is complete */
	char why[ERROR_MAX];
	int signal;
	bool begun;                     /* the baseline is over: there is something to report */

	/* the Vaurien that it audits */
	struct process own;             /* pid 0: it is attached */
	char *folder;                   /* of its API's socket */
	struct keeper keeper;           /* of backends that scenarios have changed */
	char *ca;                       /* its CA's certificate, a file; NULL: none is needed */
	uint64_t seed;
	double clock_uncertainty;
	bool filter;                    /* `vanish` filters, else it stalls */
	struct run_proxy *proxies;
	bool calm_known;                /* from now on, rules of others end the run */
	bool looking;                   /* GET /info is under way */
	double looked;                  /* since then */
	struct poll_timer look, lease;
	struct poll_timer live;

	/* the application */
	struct process app, load, guard, restart;
	char **environment;
	struct poll_timer guard_timer, guard_limit;
	bool app_wanted;                /* it should be running */
	unsigned app_exits, app_restarts, exit_experiments;

	/* experiments */
	struct scenario_proxy *scenario_proxies;
	const char **probe_names;
	struct scenario_world world;
	struct planned *plan;
	size_t n_plan;
	struct planned *now;            /* the one that is run; NULL */
	double calm;                    /* all probes are ok since then; 0: they are not */
	json_t *notes, *shown;          /* shown: what the terminal has seen of the report */
	int report_file;
};

/* End the run early: `how` as in the report, a sentence. The first one counts. */
void run_end(struct run *, const char *how, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Turn the poller until `done` (NULL: never) is true, or until then. False: it is not, or the run
 * ended. */
bool run_until(struct run *, double until, bool (*done)(struct run *));

/* A note of the report, shown before the verdicts. */
void run_note(struct run *, const char *id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
