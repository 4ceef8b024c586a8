/* shutdown.h - graceful shutdown of the workers: they send what is due, then their loops stop.
 *
 * Control thread only. The struct shutdown is the caller's, and must stay until the control
 * loop has stopped. */
#ifndef CONTROL_SHUTDOWN_H
#define CONTROL_SHUTDOWN_H

#include "control/broadcast.h"

struct shutdown {
	struct workers *workers;        /* NULL: not begun */
	unsigned running;               /* workers whose loop has not stopped yet */
};

/* Listeners close at once. Connections close when what is due is sent, after 1 s at the latest.
 * When the last worker's loop has stopped, the control loop stops, too. Later calls have no effect.
 * The workers' threads must run. */
void shutdown_start(struct shutdown *, struct workers *);

#endif
