/* steps.h - the steps of a run in turn: check, start, baseline, experiments, reports. */
#ifndef AUDIT_STEPS_H
#define AUDIT_STEPS_H

#include "audit/run.h"

int audit_run(struct options *);        /* the exit code */

#endif
