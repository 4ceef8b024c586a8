/* plugin.h - behaviors and protocols that come in files of their own. */
#ifndef PLUGINS_PLUGIN_H
#define PLUGINS_PLUGIN_H

#include <jansson.h>

#include "config/flags.h"

/* Load what --plugin names, and `plugin = FILE` in the file's sections [behavior:NAME] and [protocol:NAME]. To be called
 * before the guests' flags are made. -1: all are there; else the exit code, and why has been said. */
int plugins_read(const struct flags *, int argc, char **argv);

bool plugin_load(const char *file, char error[ERROR_MAX]);       /* one of them. False: a sentence that names it */

void plugins_fix(void);                 /* from here on threads ask: none can come any more */
void plugins_reload(void);              /* scripts are read anew; shared objects stay */
void plugins_free(void);                /* when nobody speaks of their guests any more */

void plugins_each(void (*tell)(void *user, const char *file, uint64_t errors), void *user);
json_t *plugins_json(void);             /* [{"file": PATH, "errors": N}, ...], as GET /info answers; N counts scripts' errors */

#endif
