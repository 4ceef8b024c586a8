/* proxy.h - one proxy in one worker: its plan, its connections. */
#ifndef PROXY_H
#define PROXY_H

#include "plan.h"
#include "stats.h"

struct conn;
struct listener;
struct worker;

struct proxy {
	struct worker *worker;
	struct proxy *next;             /* in this worker */
	unsigned number;                /* the same in every worker */
	struct plan *plan;
	struct conn *conns;
	struct stats stats;
	struct listener *listener;      /* in worker 0; else NULL */
	struct dice junk;               /* for bytes that nobody sent */
	bool noticed;                   /* the protocol's notice is in the log */
};

struct proxy *proxy_add(struct worker *, unsigned number, struct spec *);
void proxy_change(struct proxy *, struct spec *);       /* words as of now; live connections follow */
bool proxy_finish(struct proxy *);                      /* nothing more is read; connections that have sent what is due are closed; true: all are */
void proxy_end(struct proxy *);                         /* reset all that is left */
void proxy_free(struct proxy *);                        /* without connections */
void proxy_left(struct proxy *);                        /* a connection is gone: its place may be taken */

static inline const struct spec *proxy_spec(const struct proxy *p)
{
	return p->plan->spec;
}

#endif
