/* signals.h - SIGTERM, SIGINT and SIGHUP, in a thread that nothing else can hold up.
 *
 * The first SIGTERM or SIGINT asks the control thread to end the program. If it has not ended
 * SIGNALS_PATIENCE later, or at the second signal, this thread ends it: whatever the control
 * thread waits for. */
#ifndef CONTROL_SIGNALS_H
#define CONTROL_SIGNALS_H

#include "base/loop.h"
#include "base/text.h"

#define SIGNALS_PATIENCE (1800 * VN_MS)

struct signals_user {                   /* must stay; called in the control thread, but `code` */
	void (*stop)(struct signals_user *);
	void (*reload)(struct signals_user *);
	int (*code)(struct signals_user *);     /* the exit code of an end by force; any thread */
};

/* To be called before there are other threads: they inherit the mask. False: `error` says why. */
bool signals_start(struct signals_user *, char error[ERROR_MAX]);

/* The control thread's loop. NULL: it is about to be freed, and nobody is called any more. What
 * came before there was a loop is reported as soon as there is one. */
void signals_set_loop(struct loop *);

#endif
