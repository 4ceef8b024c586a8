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

struct waiter { void (*done)(struct waiter *); };       /* told when every worker has a change */

int control_run(struct settings *);             /* from binding to "Bye!"; the program's exit code */

struct loop *control_loop(struct control *);
const struct settings *control_settings(struct control *);

unsigned control_count(struct control *);                               /* proxies */
struct spec *control_spec(struct control *, unsigned i);                /* borrowed: valid until the next change */
uint64_t control_stat(struct control *, unsigned i, enum counter);      /* summed over the workers */

/* Proxy i shall be `to` (whose reference passes over). Returns at once; `waiter` may be NULL. */
void control_change(struct control *, unsigned i, struct spec *to, struct waiter *);

#endif
