/* faults.h - carries out what a scenario calls for: rules, deeds on connections, commands.
 *
 * Each call returns when the API has confirmed it. A run that has ended waits 2 s at most. */
#ifndef AUDIT_FAULTS_H
#define AUDIT_FAULTS_H

#include "audit/phases.h"
#include "audit/run.h"

struct faults {                         /* of one experiment */
	struct run *run;
	struct experiment *record;
	struct phases *phases;
	double first_on, last_off;      /* confirmed; < 0: none */
	double calm_until;              /* the run has ended: waits for the API until then; 0: no */
	struct deed_run *runs;          /* commands under way */
	bool refused;                   /* the API did not take a rule: the experiment is broken */
};

extern const struct phases_calls faults_calls;  /* its user is a struct faults */

void faults_begin(struct faults *, struct run *, struct experiment *);
void faults_end(struct faults *);       /* kills commands that still run */

#endif
