/* lua_protocol.h - the functions of a protocol that is a script. */
#ifndef PLUGINS_LUA_PROTOCOL_H
#define PLUGINS_LUA_PROTOCOL_H

#include "vaurien.h"

/* Those of struct vn_protocol; the guest is the protocol of a struct script, and its state is a
 * struct protocol_state. If the script fails, the connection passes as it comes. */
struct vn_cut lua_request(struct vn_session *, struct vn_span, struct vn_message *);
struct vn_cut lua_response(struct vn_session *, struct vn_span, const struct vn_message *asked,
                           struct vn_message *);
bool lua_fits(struct vn_session *, const struct vn_message *, const struct vn_failure *);
int  lua_refuse(struct vn_session *, const struct vn_message *, const struct vn_failure *,
                struct vn_buffer *backend);
void lua_word(struct vn_session *, const struct vn_message *asked, const struct vn_failure *,
              struct vn_buffer *client);

#endif
