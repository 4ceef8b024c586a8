/* judge.h - findings and verdicts: from the record of a run to its report, a jansson value of the
 * schema vaurien-audit/1. The caller owns what these return. */
#ifndef AUDIT_JUDGE_H
#define AUDIT_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

struct record;
struct experiment;

enum verdict { VERDICT_PASS, VERDICT_DEGRADED, VERDICT_INCONCLUSIVE, VERDICT_FAIL, VERDICTS };

extern const char *const verdict_names[VERDICTS];
enum verdict verdict_of(const char *name);      /* unknown names: VERDICT_INCONCLUSIVE */

/* What the report says of the run besides its record. Texts and values are borrowed. */
struct run_facts {
	const char *program;            /* "vaurien 3.0.0" */
	const char *started;            /* "2026-01-05T10:00:00Z" */
	uint64_t seed;
	double took, clock_uncertainty;
	enum verdict fail_on;           /* VERDICT_FAIL or VERDICT_DEGRADED */
	const char *how;                /* why it ended, as "ended" in the schema; NULL: complete */
	const char *text;               /* and one sentence; NULL: none */
	int signal;                     /* SIGINT, SIGTERM, SIGHUP, if `how` is "interrupted" */
	const json_t *notes;            /* objects with id and text, in order of weight; NULL */
	const char *command;            /* COMMAND; NULL: the audit did not start it */
	unsigned exits, restarts;
	const json_t *options, *command_line;   /* as in the schema; NULL: empty */
	const json_t *against;          /* an earlier report; NULL */
	const char *against_file;
};

/* An element of the report's "experiments", as soon as that has ended. Nothing in it is known yet
 * of leaks, which only the whole run shows.
 *
 * The experiment's own findings (never_struck, exited, an expectation) belong to no probe. Its
 * connections have a verdict at least as bad; if one is inconclusive, all its probes do. */
json_t *judge_experiment(const struct record *, const struct experiment *);

struct finding;
/* A finding as the report has it. */
json_t *finding_json(const struct finding *, const char *text);

/* The whole report. Its "exit" is the exit code; precedence: a signal, 4, 1, 3, 0. */
json_t *judge_run(const struct record *, const struct run_facts *);

/* The report's "proxies" and "probes" after the baseline, for the terminal. */
json_t *judge_proxies(const struct record *);
json_t *judge_probes(const struct record *);

/* Can an earlier report be compared with? False: `error` has one sentence. */
bool judge_against_good(const json_t *report, char error[ERROR_MAX]);

#endif
