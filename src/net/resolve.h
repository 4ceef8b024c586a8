/* resolve.h - non-blocking look-up of host names; results are cached for 1 s.
 *
 * Each name is looked up in a thread of its own: a name server that hangs delays no other name.
 * Requests for the same name share one look-up. The resolver is shared by all workers. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "base/loop.h"
#include "net/address.h"

enum { ENDPOINTS_MAX = 8 };

struct resolver;

/* A request. Its memory belongs to the requester, and must live until it is done or cancelled. */
struct lookup {
	void (*done)(struct lookup *);  /* runs in the requester's loop */
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;                     /* endpoints found; 0: `error` has the reason */
	const char *error;              /* a constant text */
	void *whom;                     /* for the requester's use */
	struct lookup_job *job;         /* NULL: not under way */
};

struct resolver *resolver_start(void);

/* Returns at once, even if look-ups hang; the last thread frees the resolver. Requests that wait
 * get an error. The requesters' loops must still exist. */
void resolver_stop(struct resolver *);

/* Calls `done` once; for a numeric address, before it returns. */
void lookup_start(struct lookup *, struct resolver *, struct loop *, const struct address *);

/* `done` is not called any more. */
void lookup_cancel(struct lookup *);

#endif
