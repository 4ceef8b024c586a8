/* plan.h - which experiments a run has: outages chosen by --faults, made for each proxy. */
#ifndef AUDIT_PLAN_H
#define AUDIT_PLAN_H

#include "audit/run.h"

/* The proxies are known, the probes are in the record. False: the run has ended, "usage". */
bool plan_experiments(struct run *);
void plan_free(struct run *);

/* After the baseline: what cannot be run has a reason then. */
void plan_settle(struct run *);

double plan_lasts(const struct run *, const struct planned *);  /* estimate, seconds */
unsigned plan_count(const struct run *, double *seconds);       /* of those to be run */
void plan_show(const struct run *, FILE *);                     /* --plan */

#endif
