/* run.h - `vaurien run`: a command whose connections go through proxies, from start to end.
 *
 * daemon.c calls these in their order. Control thread only. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "control/control.h"

struct run;

/* What Vaurien changes of itself, and the command shall have as it was: to be called first. */
void run_save_original(void);

/* Blocks the signals that are for the command, before there are other threads. */
void run_block_signals(void);

/* Opens the private directory and listeners, and adapts the settings: where the API is. NULL:
 * `error` has a sentence. */
struct run *run_open(struct control *, struct settings *, char error[ERROR_MAX]);

/* The named proxies and the API are there: starts the command, which waits. `api`: where it is;
 * NULL: in the private directory. */
bool run_fork(struct run *, const char *api, char error[ERROR_MAX]);

/* The workers run: lets the command execute. `over` is called once, when it and all that it has
 * started have ended, and their connections, too. */
bool run_begin(struct run *, void (*over)(void *whom), void *whom, char error[ERROR_MAX]);

/* The loops have ended. Writes the summary to *text, which is to be freed, or NULL. Returns the
 * exit status. NULL: 0. */
int run_close(struct run *, char **text);

#endif
