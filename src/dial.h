/* dial.h - from a backend's name to a connected socket, without making anyone wait. */
#ifndef DIAL_H
#define DIAL_H

#include "address.h"
#include "loop.h"
#include "resolve.h"

struct dial;                            /* one attempt under way; frees itself when done or stopped */

/* `done` is told once: a connected socket, or -1 and a few words why; NULL is returned where that
 * happened already. `spare` is a descriptor kept open so that there is one for the socket; it passes
 * over; -1: none. timeout 0: the kernel's own. */
struct dial *dial_start(struct loop *, struct resolver *, const struct address *, nsec timeout, int spare, void (*done)(void *whom, int fd, const char *why), void *whom);
void dial_stop(struct dial *);          /* done is not told; NULL is nothing to stop */

#endif
