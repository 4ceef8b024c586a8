/* lua_bytes.h - bytes on loan, as a script sees them: read in place, copied only when it asks. */
#ifndef PLUGINS_LUA_BYTES_H
#define PLUGINS_LUA_BYTES_H

#include "plugins/lua_userdata.h"
#include "vaurien.h"

extern struct userdata_kind bytes_kind;

void bytes_push(lua_State *, struct vn_span);           /* nil if it has no address */

/* The argument, bytes or a string; good until the call is over or the string goes. Throws if it is
 * neither. */
struct vn_span bytes_check(lua_State *, int argument);

#endif
