/* lua_number.h - numbers between scripts and C: times in seconds, sizes in bytes.
 *
 * Those from a script are clamped to what the C type can hold. */
#ifndef PLUGINS_LUA_NUMBER_H
#define PLUGINS_LUA_NUMBER_H

#include <lua5.4/lua.h>

#include "vaurien.h"

/* The argument as a number. Throws a sentence that begins with `what` if it is none, or NaN. */
vn_nsec seconds_check(lua_State *, int argument, const char *what);
size_t  size_check(lua_State *, int argument, const char *what);

void seconds_push(lua_State *, vn_nsec);        /* VN_NEVER is infinity */
void size_push(lua_State *, size_t);

#endif
