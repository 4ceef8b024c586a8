/* plugin.h - behaviors and protocols that come in files of their own. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <stdbool.h>

#include "../flags.h"

/* Load what --plugin names, and `plugin = FILE` in the file's sections [behavior:NAME] and [protocol:NAME]. To be called
 * before the guests' flags are made. -1: all are there; else the exit code, and why has been said. */
int plugins_read(const struct flags *, int argc, char **argv);

#endif
