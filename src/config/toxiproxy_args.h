/* toxiproxy_args.h - the command line of toxiproxy-server, for a program started by that name. */
#ifndef TOXISERVER_H
#define TOXISERVER_H

#include "config/settings.h"

bool toxiserver_meant(const char *program);     /* is that our name today? */

/* As settings_read, of that server's words. */
int toxiserver_read(struct settings *, int argc, char **argv);

#endif
