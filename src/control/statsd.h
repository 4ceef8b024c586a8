/* statsd.h - export of counters to a statsd server as UDP datagrams, once a second.
 *
 * Control thread only. It observes the table of proxies, so that the last counts of a removed
 * proxy are sent, too. */
#ifndef CONTROL_STATSD_H
#define CONTROL_STATSD_H

#include "control/control.h"

struct statsd;

/* NULL: it is off, or it failed with a warning in the log. */
struct statsd *statsd_start(struct control *);

/* Sends the last counts, and frees it. NULL is allowed. */
void statsd_stop(struct statsd *);

#endif
