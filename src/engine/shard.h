/* shard.h - one proxy in one worker: its plan, its connections. */
#ifndef PROXY_H
#define PROXY_H

#include "engine/plan.h"
#include "engine/stats.h"

struct conn;
struct listener;
struct worker;

struct proxy {
	struct worker *worker;
	struct proxy *next, **link;     /* in this worker */
	unsigned number;                /* the same in every worker; never given twice */
	struct proxy **parts;           /* what it is in each worker, by that one's index */
	struct plan *plan;              /* NULL: not begun, or gone */
	struct conn *conns;
	struct stats stats;
	struct listener *listener;      /* in worker 0; else NULL */
	struct vn_dice junk;               /* for bytes that nobody sent */
	bool noticed;                   /* the protocol's notice is in the log */
};

/* Its parts, one per worker, are made together by control: then each is begun, and freed, in its worker's thread. */
void proxy_make(struct proxy **parts, struct worker *all, unsigned n, unsigned number);
void proxy_begin(struct proxy *, struct spec *);
void proxy_change(struct proxy *, struct spec *);       /* words as of now; live connections follow */
void proxy_empty(struct proxy *);                       /* all connections are closed */
void proxy_leave(struct proxy *);                       /* closed for good; there may still be mail for it */
bool proxy_finish(struct proxy *);                      /* nothing more is read; connections that have sent what is due are closed; true: all are */
void proxy_end(struct proxy *);                         /* reset all that is left */
void proxy_free(struct proxy *);                        /* without connections, and mail for it */
void proxy_left(struct proxy *);                        /* a connection is gone: its place may be taken */

bool proxy_open(const struct proxy *);                  /* takes connections */

static inline const struct spec *proxy_spec(const struct proxy *p)
{
	return p->plan->spec;
}

#endif
