/* connect.h - connects to a backend without making anyone wait: look-up, one address after the
 * other, time-out. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "base/loop.h"
#include "base/pool.h"
#include "net/address.h"
#include "net/resolve.h"

struct connector {                      /* a thread's: what its attempts share */
	struct loop *loop;
	struct resolver *resolver;
	struct pool attempts;           /* their memory */
};

void connector_init(struct connector *, struct loop *, struct resolver *);
/* after its loop: attempts are freed at the end of a round */
void connector_free(struct connector *);

struct connect_attempt;                 /* one under way; frees itself when done or stopped */

/* Called once: a connected socket, or -1 and the reason in a few words. */
typedef void connect_done(void *whom, int fd, const char *why);

/* NULL: `done` was called already. `watch` belongs to the caller; the socket is watched by it from
 * its first moment on, edge-triggered, and the caller passes its events to connect_attempt_ready
 * until it is done. `spare`: an IPv4 socket that is used if it can be, taken over in any case; -1:
 * none. timeout 0: the kernel's own. */
struct connect_attempt *connect_attempt_start(struct connector *, const struct address *,
                                              vn_nsec timeout, int spare, struct watch *,
                                              connect_done *, void *whom);
void connect_attempt_ready(struct connect_attempt *, unsigned events);
/* `done` is not called; NULL: nothing to stop */
void connect_attempt_stop(struct connect_attempt *);

#endif
