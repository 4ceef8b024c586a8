/* proxy.h - table of proxies, and changes to one: create, update, remove.
 *
 * A proxy owns its spec, its listening socket and its shards, one per worker. A change is made
 * in control at once (the spec, the socket), and then in the workers by a broadcast. A waiter
 * is called when all workers have it. Control thread only. */
#ifndef CONTROL_PROXY_H
#define CONTROL_PROXY_H

#include "control/broadcast.h"
#include "engine/stats.h"
#include "spec/spec.h"

struct shard;
struct unmapped;

struct proxy {
	struct proxy_table *table;
	unsigned number;
	struct spec *spec;
	struct endpoint at;             /* where it listens, or last did; len 0: nowhere yet */
	int fd;                         /* the listening socket, which worker 0 closes; -1: none */
	int twin;                       /* on udp://, the one for TCP at the same port; -1: none */
	vn_nsec expires;                /* when its next rule expires, or VN_NEVER */
	struct shard **shards;          /* one per worker */
	uint64_t past_hits;             /* of rules that are gone */
};

struct proxy_observer {
	/* A proxy was removed, and no worker counts for it any more. It is freed afterwards. */
	void (*removed)(struct proxy_observer *, const struct proxy *);
};

struct proxy_table {
	struct workers *workers;
	struct timer expiry;            /* for the next rule that expires */
	size_t n, room;
	struct proxy **made, **named;   /* in the order of creation, and of their names */
	unsigned last;                  /* the last number given to a proxy */
	struct proxy_observer *observer;        /* or NULL */
	struct unmapped *unmapped;              /* addresses that servers told */
};

/* Who requests a change, and what is called when it is made. */
struct waiter {
	/* Called once, when every worker has the change. NULL: nothing is called, and the waiter
	 * may be freed as soon as the change has begun. */
	void (*done)(struct waiter *);
	const char *by;                 /* for the event: a client's address, "SIGHUP" ... */
};

void proxy_table_init(struct proxy_table *, struct workers *);

/* Only when no worker runs any more. */
void proxy_table_free(struct proxy_table *);

/* To go through all, though some come and go meanwhile: the first whose name is behind this one
 * (NULL: of all), or that was made after this number (0: of all). NULL: there is none. */
struct proxy *proxy_named_after(const struct proxy_table *, const char *name);
struct proxy *proxy_made_after(const struct proxy_table *, unsigned number);

/* NULL: there is none. */
struct proxy *proxy_find(const struct proxy_table *, const char *name);
struct proxy *proxy_numbered(const struct proxy_table *, unsigned number);

/* ---- accessors ---- */

struct spec *proxy_spec(const struct proxy *);  /* borrowed: valid until the next change */
unsigned proxy_number(const struct proxy *);    /* unique: never given to another */
void proxy_totals(const struct proxy *, struct totals *);       /* the sums of all workers */
void proxy_times(const struct proxy *, struct fine_totals *);   /* of exchanges; the same sums */

uint64_t proxy_hits(const struct proxy *);      /* of all rules that it ever had */

/* False: it is disabled, or cannot listen again where a rule had closed its port. Also for a moment
 * after such a rule has gone, until the port is open. A rule that refuses clients does not count:
 * its proxy is as it should be. */
bool proxy_listening(const struct proxy *);

/* ---- changes: `waiter` may be NULL ----
 *
 * proxy_create() and proxy_update() take the reference to `to`, and return 0. Else they return an
 * errno: the address cannot be listened on, nothing has changed, and the caller keeps the
 * reference. */

/* The name of `to` must be free. `at`: the address of to->listen, if `to` is enabled. `made`
 * gets the new proxy; or NULL. */
int proxy_create(struct proxy_table *, struct spec *to, const struct endpoint *at, struct waiter *,
                 struct proxy **made);

/* The same of a socket that listens at `at` already, which the proxy takes over; -1: of none. The
 * name of `to` must be free. */
struct proxy *proxy_adopt(struct proxy_table *, struct spec *to, int fd, const struct endpoint *at,
                          struct waiter *);

/* `at`: the address to listen on from now on, if that is another or was never known; else NULL.
 * `empty`: close the live connections. They are closed, too, when `to` is disabled or has another
 * protocol. */
int proxy_update(struct proxy *, struct spec *to, const struct endpoint *at, bool empty,
                 struct waiter *);

/* The caller must not use the proxy any more. */
void proxy_remove(struct proxy *, struct waiter *);

#endif
