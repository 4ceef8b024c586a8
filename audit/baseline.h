/* baseline.h - before the first fault: what each probe asks, and what is normal. */
#ifndef AUDIT_BASELINE_H
#define AUDIT_BASELINE_H

#include "audit/run.h"

bool baseline_first(struct run *);      /* each probe is ok once, within --app-start */
bool baseline_needs(struct run *);      /* which proxies each probe asks */
bool baseline_watch(struct run *);      /* --baseline: all is normal. False: the run has ended */

#endif
