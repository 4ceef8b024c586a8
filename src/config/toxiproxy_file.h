/* toxiproxy_file.h - a JSON file of proxies, as toxiproxy-server takes it. */
#ifndef CONFIG_TOXIPROXY_FILE_H
#define CONFIG_TOXIPROXY_FILE_H

#include "config/settings.h"

/* Add the file's proxies to the settings. -1: done. Else the exit code, and the error is
 * reported. */
int toxiproxy_file_read(struct settings *, const char *file);

#endif
