/* lua_sandbox.h - what a script finds: Lua's libraries as far as they touch nothing outside, and
 * the constants of vaurien.h. */
#ifndef PLUGINS_LUA_SANDBOX_H
#define PLUGINS_LUA_SANDBOX_H

#include <lua5.4/lua.h>

void sandbox_open(lua_State *);         /* once for each state */

/* Run a script's text in an environment of its own; `name` is the file's, for errors. Leaves the
 * table that it returns as the only value on the stack. Throws if it returns something else. */
void sandbox_run(lua_State *, const char *name, const char *text);

#endif
