/* plugin_flags.h - load the plugins that command line and INI file name. */
#ifndef CONFIG_PLUGIN_FLAGS_H
#define CONFIG_PLUGIN_FLAGS_H

#include "config/flags.h"

/* Load what --plugin names, and `plugin = FILE` in the file's sections [behavior:NAME] and
 * [protocol:NAME]. Call it before the guests' flags are made. -1: all are loaded. Else the exit
 * code, and the error is reported. */
int plugins_read(const struct flags *, int argc, char **argv);

#endif
