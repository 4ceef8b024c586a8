/* raw.h - connections without messages: their protocol has none, or its parser has given up.
 *
 * Their exchange is a turn: all that the client sends until the backend answers, and that answer.
 * One turn is open at a time. */
#ifndef ENGINE_RAW_H
#define ENGINE_RAW_H

#include "engine/engine.h"

/* A piece of the stream. It begins a turn, or belongs to the open one. */
void raw_turn(struct conn *, enum vn_direction, struct vn_span piece);

/* Rules have come: the open turn meets them with its next piece. */
void raw_turn_meet_rules(struct conn *);

/* The parser of this pipe gives up; plain bytes pass from here on. `why` is logged. */
void conn_go_raw(struct conn *, struct pipe *, const char *why);

/* Frees the exchanges of a connection that is torn down. */
void exchanges_end(struct conn *);

#endif
