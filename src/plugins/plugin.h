/* plugin.h - behaviors and protocols that come in files of their own. */
#ifndef PLUGINS_PLUGIN_H
#define PLUGINS_PLUGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* one of them. False: a sentence that names it */
bool plugin_load(const char *file, char error[ERROR_MAX]);

void plugins_fix(void);                 /* from here on threads ask: none can come any more */
void plugins_reload(void);              /* scripts are read anew; shared objects stay */
void plugins_free(void);                /* when nobody speaks of their guests any more */

void plugins_each(void (*tell)(void *user, const char *file, uint64_t errors), void *user);
/* [{"file": PATH, "errors": N}, ...], as GET /info answers; N counts scripts' errors */
json_t *plugins_json(void);

#endif
