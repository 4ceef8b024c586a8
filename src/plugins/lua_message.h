/* lua_message.h - messages in a script's hands: to read, or to make while it cuts them. */
#ifndef PLUGINS_LUA_MESSAGE_H
#define PLUGINS_LUA_MESSAGE_H

#include "plugins/lua_instance.h"
#include "plugins/lua_userdata.h"
#include "vaurien.h"

/* A protocol's `state`: one for each connection. */
struct protocol_state {
	struct state_ref state_ref;     /* first: state_ref_forget takes the whole */
	char notice[160];
	struct vn_message sequel;       /* that of the message, if the script made one */
};

extern struct userdata_kind message_kind;       /* to read */
extern struct userdata_kind new_message_kind;   /* to make; only in calls with a protocol_state */

#endif
