/* silence.h - doors that answer no SYN, as long as the rules of a proxy want that. */
#ifndef RUN_SILENCE_H
#define RUN_SILENCE_H

#include "run/state.h"

/* The place's own door for this family, made if it has none, and silent. When the gate is open
 * again it answers: SYNs that are repeated arrive. NULL: errno says why. */
struct door *silence_door(struct place *, int family,
                          void (*came)(struct door *, int, const struct endpoint *));

void silence_look(struct timer *);      /* of supervisor.silence */

#endif
