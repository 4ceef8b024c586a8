/* toxiproxy_args.h - the command line of toxiproxy-server, for a program started by that name. */
#ifndef CONFIG_TOXIPROXY_ARGS_H
#define CONFIG_TOXIPROXY_ARGS_H

#include "config/settings.h"

bool toxiproxy_args_wanted(const char *program);        /* argv[0] names toxiproxy-server */

/* As settings_read(). */
int toxiproxy_args_read(struct settings *, int argc, char **argv);

#endif
