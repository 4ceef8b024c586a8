/* under_run.h - --run: the auditor starts again, as the command of a `vaurien run`.
 *
 * What the auditor starts is then carried by that Vaurien, and the auditor attaches to it. */
#ifndef AUDIT_UNDER_RUN_H
#define AUDIT_UNDER_RUN_H

#include "audit/options.h"

/* -1: this is the auditor below `vaurien run`, and its --attach is set. Else the exit code, and the
 * error is reported: the program was to become another. `argv`: as main() got it. */
int under_run(struct options *, char **argv);

#endif
