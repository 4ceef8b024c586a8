/* hand.h - a client, and perhaps its backend, handed over to its proxy. */
#ifndef RUN_HAND_H
#define RUN_HAND_H

#include "run/state.h"

/* Takes over the birth, whose `client` is set. If the carrier's protocol is not sure, the first
 * bytes of the connection are waited for, for a short time. */
void hand_over_birth(struct carrier *, struct birth *);

#endif
