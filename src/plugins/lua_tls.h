/* lua_tls.h - a ClientHello, and a verdict on its handshake, in a script's hands. */
#ifndef PLUGINS_LUA_TLS_H
#define PLUGINS_LUA_TLS_H

#include <lua5.4/lua.h>

#include "vaurien.h"

void hello_push(lua_State *, const struct vn_hello *);  /* NULL: nil */
void tls_push(lua_State *, struct vn_tls *);            /* NULL: nil */

#endif
