/* rewrite.h - mode `rewrite`: the address in the caller's memory is exchanged for a listener's.
 *
 * For systems that deny pidfd_getfd(). Each destination has a listener of its own. */
#ifndef RUN_REWRITE_H
#define RUN_REWRITE_H

#include "run/state.h"

/* A caller with a plain address. */
void rewrite_take(struct supervisor *, const struct caller *, const struct endpoint *to);

/* The place of a caller is decided: see supervisor.decided. `socket` is -1. */
void rewrite_decided(struct place *, const struct caller *, int socket);

#endif
