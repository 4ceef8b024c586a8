/* supervisor.h - the thread that takes what the kernel reports of the command and its children. */
#ifndef RUN_SUPERVISOR_H
#define RUN_SUPERVISOR_H

#include "run/command.h"
#include "run/state.h"

/* The signals that the thread reads. To be blocked before there are other threads. */
void supervisor_block_signals(void);

/* Takes over what the command has: its listener, its number. Runs look-ups, then lets the command
 * execute. `finished` runs in the thread, once: when the command has ended, and all that it has
 * started. False: `error` has a sentence. */
bool supervisor_start(struct supervisor *, struct command *, void (*finished)(struct supervisor *),
                      char error[ERROR_MAX]);

/* Ends the thread, wherever it is, and joins it. */
void supervisor_stop(struct supervisor *);

#endif
