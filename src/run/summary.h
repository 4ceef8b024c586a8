/* summary.h - what `vaurien run` reports at its end: what was carried, and what was not. */
#ifndef RUN_SUMMARY_H
#define RUN_SUMMARY_H

#include "run/state.h"

/* The lines, to be freed. Takes --require into account: *status. The threads have ended. */
char *summary_make(const struct supervisor *, struct control *, int *status);

#endif
