/* lua_loader.h - all scripts: files that are read, announced, read again and freed.
 *
 * Only the control thread calls these. */
#ifndef PLUGINS_LUA_LOADER_H
#define PLUGINS_LUA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

/* Load the script in that file and announce its guest. False: `error` says why. */
bool script_load(const char *real, char error[ERROR_MAX]);

uint64_t script_errors(const char *real);       /* calls that failed; 0 if it is no script */

/* Read each file anew. A script that is broken, or that announces something else, stays as it was,
 * and the log says why. */
void scripts_reload(void);

void scripts_free(void);                /* when no thread runs scripts any more */

#endif
