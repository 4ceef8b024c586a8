/* statsd.h - sends counters to a statsd server as UDP datagrams, once a second.
 *
 * Control thread only. It observes the table of proxies, so that the last counts of a removed
 * proxy are sent, too. */
#ifndef CONTROL_STATSD_H
#define CONTROL_STATSD_H

#include "control/control.h"

struct statsd;

struct statsd *statsd_start(struct control *);  /* NULL: off, or a warning was logged */
void statsd_stop(struct statsd *);      /* sends what is left, and frees it; NULL: nothing */

#endif
