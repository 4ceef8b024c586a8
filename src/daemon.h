/* daemon.h - the running program: proxies, control API, statsd, signals, from start to end. */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/settings.h"

/* Runs until SIGTERM or SIGINT. `settings` must stay, and may be changed by a reload. Returns
 * the exit code: 0, or 1 with one sentence on standard error. */
int daemon_run(struct settings *settings);

#endif
