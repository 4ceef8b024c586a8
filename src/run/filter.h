/* filter.h - the kernel's filter of system calls by which connect() is reported to us. */
#ifndef RUN_FILTER_H
#define RUN_FILTER_H

#include <stdbool.h>

/* Is the processor's table of system calls known? */
bool filter_possible(void);

/* For the process and all that it starts: connect() waits for the holder of the listener. Returns
 * the listener, or a negative errno. Async-signal-safe: for the child of a fork(). */
int filter_install(bool allow_io_uring);

#endif
