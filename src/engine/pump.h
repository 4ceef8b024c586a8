/* pump.h - reading half of a pipe: receive, cut, judge. It also drives the whole pipe. */
#ifndef ENGINE_PUMP_H
#define ENGINE_PUMP_H

#include "engine/engine.h"

/* Sends what is due, then reads as long as the pipe may read. After 16 reads it returns, so that
 * other connections get their turn. */
void pipe_pump(struct pipe *);

#endif
