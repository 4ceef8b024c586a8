/* finish.h - the end of a run: its report, its files, its exit code. */
#ifndef AUDIT_FINISH_H
#define AUDIT_FINISH_H

#include "audit/run.h"

int finish(struct run *);               /* the exit code */

/* Can all reports be written? Called before anything is started. False: the run has ended. */
bool finish_possible(struct run *);

#endif
