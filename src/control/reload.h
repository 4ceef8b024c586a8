/* reload.h - the file and the command line read again, and what has changed in them done, while the program runs. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "control/control.h"

struct reload;

/* What does not change keeps its connections and counts; what cannot be had changes nothing, and the log says why. `over` is
 * called when all that is to be done has been begun. */
void reload_begin(struct control *, struct settings *, void (*over)(struct control *));

#endif
