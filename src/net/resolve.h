/* resolve.h - names to addresses without making anyone wait; answers are at most 1 s old.
 *
 * Names are looked up at the same time: one whose name server hangs delays no other. One look-up
 * per name is under way, whoever asks. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "base/loop.h"
#include "net/address.h"

enum { ENDPOINTS_MAX = 8 };

struct resolver;

/* one question; the asker's memory, which must live until done or cancelled */
struct lookup {
	void (*done)(struct lookup *);  /* in the asker's loop */
	struct endpoint found[ENDPOINTS_MAX];
	unsigned n;                     /* 0: not resolved, `error` says why */
	const char *error;
	void *whom;                     /* the asker's own */
	struct lookup_job *job;         /* under way */
};

struct resolver *resolver_start(void);
/* returns at once, though look-ups may hang; no asker's loop may be freed before */
void resolver_stop(struct resolver *);

/* numeric: done at once */
void lookup_start(struct lookup *, struct resolver *, struct loop *, const struct address *);
void lookup_cancel(struct lookup *);    /* no longer interested */

#endif
