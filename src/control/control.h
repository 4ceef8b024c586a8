/* control.h - the control thread: specs as the one truth, changes out to the workers, answers back.
 *
 * All that is here is for the control thread only: the HTTP API, statsd and signals live on its loop. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "control/proxy.h"
#include "config/settings.h"

struct control;

int control_run(struct settings *);             /* from binding to "Bye!"; the program's exit code */

struct loop *control_loop(struct control *);
const struct settings *control_settings(struct control *);
struct resolver *control_resolver(struct control *);

/* ---- the proxies ---- */

struct proxy_table *control_proxies(struct control *);
size_t control_count(struct control *);
struct proxy *control_proxy(struct control *, size_t i);                  /* in the order in which they were made */
struct proxy *control_find(struct control *, const char *name);          /* NULL: there is none */
struct proxy *control_numbered(struct control *, unsigned number);       /* likewise: for who comes back later */

struct spec *proxy_spec(const struct proxy *);                            /* borrowed: valid until the next change */
unsigned proxy_number(const struct proxy *);                              /* never given twice */
void proxy_totals(const struct proxy *, struct totals *);               /* all of its counts, summed over the workers */

/* The proxy shall be `to` (whose reference passes over), with the address that it has. Returns at once; `waiter` may be NULL. */
void control_change(struct control *, struct proxy *, struct spec *to, struct waiter *);

/* ---- a round: something is done or asked in every worker ---- */

void control_broadcast(struct control *, struct broadcast *);
unsigned control_workers(struct control *);             /* how many: worker->index is below it */
const struct worker *control_worker(struct control *, unsigned k);      /* for what may be read from here: its counters */

#endif
