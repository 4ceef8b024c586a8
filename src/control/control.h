/* control.h - state of the control thread: its loop, the workers, the table of proxies.
 *
 * Owned by daemon.c, from control_new() to control_free(). It owns the control thread's loop, the
 * workers, the resolver and the table. All functions are for the control thread only: the HTTP API,
 * statsd and the signals run on its loop. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "config/settings.h"
#include "control/proxy.h"
#include "net/resolve.h"

struct control;

/* ---- start and stop, for daemon.c ---- */

/* `settings` must stay. No worker's thread runs yet. NULL: `error` says why. */
struct control *control_new(struct settings *settings, char error[ERROR_MAX]);
bool control_start_workers(struct control *, char error[ERROR_MAX]);    /* false: none runs */
void control_join_workers(struct control *);    /* their loops must have been stopped: shutdown.h */
void control_free_workers(struct control *);    /* resets the connections that are left */
void control_free(struct control *);            /* opens the mail that is left, then frees all */

/* ---- accessors: the results are borrowed ---- */

struct loop *control_loop(struct control *);
const struct settings *control_settings(struct control *);
struct resolver *control_resolver(struct control *);
struct workers *control_workers(struct control *);
struct proxy_table *control_proxies(struct control *);

/* ---- the proxies ---- */

size_t control_proxy_count(struct control *);

/* i < control_proxy_count(), in the order of creation. */
struct proxy *control_proxy(struct control *, size_t i);

/* NULL: there is none. */
struct proxy *control_find(struct control *, const char *name);
struct proxy *control_numbered(struct control *, unsigned number);

/* Changes the proxy to `to`, at its present address. Takes the reference to `to`. Returns at once;
 * `waiter` may be NULL. */
void control_change(struct control *, struct proxy *, struct spec *to, struct waiter *waiter);

/* ---- the workers ---- */

void control_broadcast(struct control *, struct broadcast *);
unsigned control_worker_count(struct control *);

/* k < control_worker_count(). For its counters. */
const struct worker *control_worker(struct control *, unsigned k);

#endif
