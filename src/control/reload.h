/* reload.h - SIGHUP: reads the command line and the INI file again, and changes what has changed
 * there.
 *
 * Proxies that did not change keep their connections and counts. If anything is wrong, nothing
 * is changed, and the log says why. Control thread only. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "control/control.h"

/* `settings` are those that the program runs with; what may change in them is changed. Returns
 * at once or later; `done` is called when all changes have begun, or none will. One reload at
 * a time. */
void reload_begin(struct control *, struct settings *settings, void (*done)(void *user),
                  void *user);

#endif
