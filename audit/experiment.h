/* experiment.h - one experiment: settle, fault on, observe, recovery, and what follows. */
#ifndef AUDIT_EXPERIMENT_H
#define AUDIT_EXPERIMENT_H

#include "audit/run.h"

/* False: no further one is to be run; the run has ended. Faults are off in any case. */
bool experiment_run(struct run *, struct planned *);

#endif
