/* lua_tables.h - the functions of Lua's table library that walk a table, inside a call's limits.
 *
 * Lua's own walk without an instruction, and one step of a walk may go through 2,000 metatables. */
#ifndef PLUGINS_LUA_TABLES_H
#define PLUGINS_LUA_TABLES_H

#include <lua5.4/lua.h>

/* Replace these functions in the library on top of the stack; `move` goes. */
void tables_limit(lua_State *);

#endif
