/* settings_read.h - the settings from command line, INI file and environment. */
#ifndef CONFIG_SETTINGS_READ_H
#define CONFIG_SETTINGS_READ_H

#include "config/settings.h"

/* Read `argc`, `argv` and the file that they name. -1: go on; the settings are to be freed. Else
 * exit with that code: help, version, a list or an error was written, and nothing is to be
 * freed. */
int settings_read(struct settings *, int argc, char **argv);
int settings_read_bare(struct settings *, int argc, char **argv);       /* no proxy by default */


/* Of `vaurien run`; argv[0] is "run". */
int settings_read_run(struct settings *, int argc, char **argv);

#endif
