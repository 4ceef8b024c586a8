/* conn_timers.h - what a connection does while nothing happens: it rests, its client is gone, it is idle. */
#ifndef ENGINE_CONN_TIMERS_H
#define ENGINE_CONN_TIMERS_H

struct conn;

void conn_timer_init(struct conn *);
void conn_timer_rest(struct conn *);      /* begins or ends its rest, as things stand */
void conn_timer_arm(struct conn *);      /* sets the timer for what comes first: a gone client's end, the dial, idleness */

#endif
