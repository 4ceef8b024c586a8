/* lua_options.h - a guest's option values, as a table that scripts can read. */
#ifndef PLUGINS_LUA_OPTIONS_H
#define PLUGINS_LUA_OPTIONS_H

#include <lua5.4/lua.h>

#include "vaurien.h"

/* Push a new table with a copy of the values. Reading an option that there is none of, or setting
 * one, throws. `options` must live as long as the state; NULL: none. */
void options_push(lua_State *, const struct vn_opt *options, const void *values);

#endif
