/* shard.h - one proxy in one worker: its plan, its connections. */
#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "engine/plan.h"
#include "engine/stats.h"

struct conn;
struct listener;
struct worker;

struct shard {
	struct worker *worker;
	struct shard *next, **link;     /* in this worker */
	unsigned number;                /* the same in every worker; never given twice */
	struct shard **siblings;          /* what it is in each worker, by that one's index */
	struct plan *plan;              /* NULL: not begun, or gone */
	struct conn *conns;
	struct stats stats;
	struct listener *listener;      /* in worker 0; else NULL */
	struct vn_dice junk;               /* for bytes that nobody sent */
	bool noticed;                   /* the protocol's notice is in the log */
};

/* Its parts, one per worker, are made together by control: then each is begun, and freed, in its worker's thread. */
void shard_make(struct shard **shards, struct worker *all, unsigned n, unsigned number);
void shard_start(struct shard *, struct spec *);
void shard_change(struct shard *, struct spec *);       /* words as of now; live connections follow */
void shard_close_all(struct shard *);                       /* all connections are closed */
void shard_stop(struct shard *);                       /* closed for good; there may still be mail for it */
bool shard_drain(struct shard *);                      /* nothing more is read; connections that have sent what is due are closed; true: all are */
void shard_reset_all(struct shard *);                         /* reset all that is left */
void shard_free(struct shard *);                        /* without connections, and mail for it */
void shard_slot_freed(struct shard *);                        /* a connection is gone: its place may be taken */

bool shard_is_open(const struct shard *);                  /* takes connections */

static inline const struct spec *shard_spec(const struct shard *p)
{
	return p->plan->spec;
}

#endif
