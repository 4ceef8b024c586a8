/* lua_behavior.h - the functions of a behavior that is a script. */
#ifndef PLUGINS_LUA_BEHAVIOR_H
#define PLUGINS_LUA_BEHAVIOR_H

#include "vaurien.h"

/* struct vn_behavior's `act`; the guest is the behavior of a struct script, and its state begins
 * with a struct state_ref. If the script fails, the message passes as it came. */
void lua_act(const struct vn_event *, struct vn_verdict *);

#endif
