/* raw.h - streams without messages, and connections whose parser gave up.
 *
 * A turn is such a stream's exchange: all that the client sends until the backend answers, and that
 * answer. One is open at a time. */
#ifndef ENGINE_RAW_H
#define ENGINE_RAW_H

#include "engine/engine.h"

void raw_turn(struct conn *, enum vn_direction, struct vn_span piece);  /* a piece of the stream */
void raw_turn_meet_rules(struct conn *);        /* rules come: the turn that is open will meet them */

void conn_go_raw(struct conn *, struct pipe *, const char *why);        /* not understood: plain bytes from here on */
void exchanges_end(struct conn *);      /* the connection is torn down: its exchanges end */

#endif
