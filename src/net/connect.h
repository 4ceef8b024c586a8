/* connect.h - from a backend's name to a connected socket, without making anyone wait. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "net/address.h"
#include "base/loop.h"
#include "net/resolve.h"

struct connect_attempt;                            /* one attempt under way; frees itself when done or stopped */

/* `done` is told once: a connected socket, or -1 and a few words why; NULL is returned where that
 * happened already. The socket is watched by `watch` from its first moment on, edge-triggered: who owns that tells
 * the dial of what happens there until it is done. `spare` is an IPv4 socket, kept so that there is one when it is
 * needed; it passes over; -1: none. timeout 0: the kernel's own. */
struct connect_attempt *connect_attempt_start(struct loop *, struct resolver *, const struct address *, vn_nsec timeout, int spare, struct watch *watch,
                        void (*done)(void *whom, int fd, const char *why), void *whom);
void connect_attempt_ready(struct connect_attempt *, unsigned events);

void socket_set_nodelay_keepalive(int fd);             /* no byte waits for the next, and a peer that is gone without a word is missed */
void socket_set_probe_interval(int fd, vn_nsec every);  /* ... within such a time, not only within hours */
void connect_attempt_stop(struct connect_attempt *);          /* done is not told; NULL is nothing to stop */

#endif
