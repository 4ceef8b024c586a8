/* lua_guest.h - the table that a script returns, as the struct that a guest in C announces. */
#ifndef PLUGINS_LUA_GUEST_H
#define PLUGINS_LUA_GUEST_H

#include <lua5.4/lua.h>

#include "plugins/lua_script.h"

/* Fill in the script's guest from the table on top of the stack. Throws a sentence. */
void script_read(lua_State *, struct script *);

#endif
