/* statsd.h - counters sent to a statsd server as UDP datagrams, a second's worth at a time. */
#ifndef CONTROL_STATSD_H
#define CONTROL_STATSD_H

struct control;
struct proxy;
struct statsd;

struct statsd *statsd_start(struct control *);  /* NULL: not enabled, or a warning was logged */
void statsd_stop(struct statsd *);              /* sends what is left */
void statsd_leaves(struct statsd *, const struct proxy *);       /* this one was removed: its last counts */

#endif
