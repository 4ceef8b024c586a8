/* control.h - the control thread: specs as the one truth, changes out to the workers, answers back.
 *
 * All that is here is for the control thread only: the HTTP API, statsd and signals live on its loop. */
#ifndef CONTROL_H
#define CONTROL_H

#include "loop.h"
#include "settings.h"
#include "spec.h"
#include "stats.h"

struct control;
struct worker;
struct port;                            /* a proxy, as control knows it; gone with control_remove */

struct waiter { void (*done)(struct waiter *); };       /* told when every worker has a change */

int control_run(struct settings *);             /* from binding to "Bye!"; the program's exit code */

struct loop *control_loop(struct control *);
const struct settings *control_settings(struct control *);

/* ---- the proxies ---- */

size_t control_count(struct control *);
struct port *control_port(struct control *, size_t i);                  /* in the order in which they were made */
struct port *control_find(struct control *, const char *name);          /* NULL: there is none */
struct port *control_numbered(struct control *, unsigned number);       /* likewise: for who comes back later */

struct spec *port_spec(const struct port *);                            /* borrowed: valid until the next change */
unsigned port_number(const struct port *);                              /* never given twice */
uint64_t port_stat(const struct port *, enum counter);                  /* summed over the workers */
void port_figures(const struct port *, struct figures *);               /* all of them */

/* The proxy shall be `to` (whose reference passes over). Returns at once; `waiter` may be NULL. */
void control_change(struct control *, struct port *, struct spec *to, struct waiter *);

/* ---- a round: something is done or asked in every worker ---- */

struct round {
	void (*ask)(struct round *, struct worker *);   /* in each worker's thread, in several at a time */
	void (*told)(struct round *);                   /* in control's, when all have: who began it frees it */
};

void control_round(struct control *, struct round *);
unsigned control_workers(struct control *);             /* how many: worker->index is below it */
const struct worker *control_worker(struct control *, unsigned k);      /* for what may be read from here: its counters */

#endif
