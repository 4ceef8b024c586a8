/* reload.h - reload of the configuration on SIGHUP.
 *
 * The command line and the INI file are read again. Proxies that did not change there keep their
 * connections and counts. If anything is wrong, nothing is changed, and the reason is logged.
 * Control thread only. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "control/control.h"

/* `settings` are the program's, and are updated. `done` is called once, when all changes have
 * begun, or when there are none; perhaps before this returns. One reload at a time. */
void reload_begin(struct control *, struct settings *settings, void (*done)(void *user),
                  void *user);

#endif
