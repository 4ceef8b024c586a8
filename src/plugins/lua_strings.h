/* lua_strings.h - find, match, gmatch and gsub as Lua has them, on strings and on bytes. */
#ifndef PLUGINS_LUA_STRINGS_H
#define PLUGINS_LUA_STRINGS_H

#include <lua5.4/lua.h>

/* As string.find and so on; argument 1 may be bytes as well. All are inside the call's limits. */
int pattern_find_call(lua_State *);
int pattern_match_call(lua_State *);
int pattern_gmatch_call(lua_State *);
int pattern_gsub_call(lua_State *);

#endif
