/* pump.h - the reading half of a pipe: fill, cut, judge; and the whole pipe moved as far as it goes. */
#ifndef ENGINE_PUMP_H
#define ENGINE_PUMP_H

#include "engine/engine.h"

/* Send what is due, then read as long as the pipe may: at most 16 times, then others have their turn. */
void pipe_pump(struct pipe *);

#endif
