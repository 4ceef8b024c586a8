/* proxy.h - the proxies as control knows them: a table of them, and what can be done to one.
 *
 * A proxy owns its spec and its parts in the workers. What is done to it is done in control at
 * once (the words, the socket), and goes round the workers then: who wants to know when all have it
 * gives a waiter. All that is here is for the control thread only. */
#ifndef CONTROL_PROXY_H
#define CONTROL_PROXY_H

#include "control/broadcast.h"
#include "spec/spec.h"
#include "engine/stats.h"

struct shard;

struct proxy {
	struct proxy_table *all;
	unsigned number;
	struct spec *spec;
	struct endpoint at;             /* where it listens, or last did; len 0: nowhere yet */
	int fd;                         /* the socket that listens, for worker 0 to close; -1: none */
	vn_nsec expires;                   /* the first of its rules that goes by itself; VN_NEVER */
	struct shard **shards;          /* one per worker */
};

struct proxy_table {
	struct workers *workers;
	struct timer expiry;            /* of the next rule that goes by itself */
	size_t n, room;
	struct proxy **made, **named;    /* in the order they were made, and by their names */
	unsigned last;                  /* number given */
	void (*leaves)(const struct proxy *);    /* told when all workers have done with one that was removed: the last of its counts; or NULL */
};

struct waiter {                         /* who makes a change */
	void (*done)(struct waiter *);  /* told when every worker has it; NULL: need not be told, and may be gone by then */
	const char *by;                 /* for the events: a client's address, "signal" ...; read at once */
};

void proxy_table_init(struct proxy_table *, struct workers *);
struct proxy *proxy_find(const struct proxy_table *, const char *name); /* NULL: there is none */
struct proxy *proxy_numbered(const struct proxy_table *, unsigned number);

/* Each takes over the reference to `to`, where it has one, and may be given no waiter. 0: it is done; else an
 * errno: the address cannot be listened on, nothing has changed, and the reference stays the caller's. */

/* A proxy more. The name must be free. `at`: where to->listen is, if it is enabled. */
int proxy_create(struct proxy_table *, struct spec *to, const struct endpoint *at, struct waiter *, struct proxy **made);

/* The proxy shall be `to`. `at`: where it is to listen now, if that has changed or was never known; else NULL.
 * `empty`: live connections are closed. (They are, too, when it is disabled, and when the protocol is another.) */
int proxy_update(struct proxy *, struct spec *to, const struct endpoint *at, bool empty, struct waiter *);

void proxy_remove(struct proxy *, struct waiter *);       /* not to be touched any more from now on */
void proxy_table_free(struct proxy_table *);                        /* at the end, when no worker runs any more */

#endif
