/* conn_timers.h - time-outs of a connection: rest, a client that has left, idleness. */
#ifndef ENGINE_CONN_TIMERS_H
#define ENGINE_CONN_TIMERS_H

#include "engine/engine.h"

/* Begins or ends the connection's rest. A rule may strike it at VN_ON_REST. */
void conn_timer_rest(struct conn *);

/* Sets the wait timer to what comes first: the end of a gone client, the connect, idleness. */
void conn_timer_arm(struct conn *);

#endif
