/* connect.h - non-blocking connects to a backend: look-up, each address in turn, time-out.
 *
 * A connector belongs to one worker. An attempt belongs to itself: it is freed at the end of the
 * round in which it is done or stopped. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "base/loop.h"
#include "base/pool.h"
#include "net/address.h"
#include "net/resolve.h"

/* What the attempts of a thread share. */
struct connector {
	struct loop *loop;
	struct resolver *resolver;
	struct pool attempts;           /* their memory */
};

void connector_init(struct connector *, struct loop *, struct resolver *);

/* Must come after loop_free(), which frees the last attempts. */
void connector_free(struct connector *);

struct connect_attempt;

/* Called once: a connected socket, which the callee owns, or -1 and the reason. */
typedef void connect_done(void *whom, int fd, const char *why);

/* Returns NULL if `done` was called already.
 *
 * `watch` belongs to the caller. The attempt registers its socket with it, edge-triggered, and the
 * caller passes its events to connect_attempt_ready() until the attempt is done. `spare` is an
 * unused IPv4 socket, or -1; the attempt owns it now. `timeout` is in ns; 0: the kernel's own. */
struct connect_attempt *connect_attempt_start(struct connector *, const struct address *,
                                              vn_nsec timeout, int spare, struct watch *,
                                              connect_done *, void *whom);

/* The same to one endpoint. `fd` is a non-blocking socket whose connect to it has begun, or is
 * done (`connected`); -1: none. The attempt owns it now. */
struct connect_attempt *connect_attempt_to(struct connector *, const struct endpoint *,
                                           vn_nsec timeout, int fd, bool connected, struct watch *,
                                           connect_done *, void *whom);
void connect_attempt_ready(struct connect_attempt *, unsigned events);

/* Closes the socket. `done` is not called. NULL is allowed. */
void connect_attempt_stop(struct connect_attempt *);

#endif
