/* conn_timers.h - what a connection does while nothing happens: it rests, its client is gone, it is idle. */
#ifndef ENGINE_CONN_TIMERS_H
#define ENGINE_CONN_TIMERS_H

#include "engine/engine.h"

void conn_timer_rest(struct conn *);    /* its rest begins or ends, as things are; a rule may strike it */
void conn_timer_arm(struct conn *);     /* for what comes first: a gone client's end, the connect, idleness */

#endif
