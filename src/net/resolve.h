/* resolve.h - names to addresses on threads of their own; one look-up in flight per name, answers at most a second old. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "net/address.h"
#include "base/loop.h"

enum { ENDPOINTS_MAX = 8 };

struct resolver;

struct lookup {                           /* one question; the asker's memory, which must live until done or dropped */
	void (*done)(struct lookup *);    /* in the asker's loop */
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;                     /* 0: not resolved, `error` says why */
	const char *error;
	void *whom;                     /* the asker's own */
	struct lookup_job *job;           /* under way */
};

struct resolver *resolver_start(void);
void resolver_stop(struct resolver *);  /* when no look is under way any more */

void lookup_start(struct lookup *, struct resolver *, struct loop *, const struct address *);     /* done may be called at once: numeric */
void lookup_cancel(struct lookup *);          /* no longer interested */

#endif
