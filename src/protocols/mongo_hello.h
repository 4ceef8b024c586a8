/* mongo_hello.h - what is changed in the handshake of MongoDB: the client offers no compression,
 * and the server names the proxies in place of the servers. */
#ifndef PROTOCOLS_MONGO_HELLO_H
#define PROTOCOLS_MONGO_HELLO_H

#include "protocols/mongo_command.h"

enum { HELLO_MAX = 16384 };             /* bytes of an answer that is rewritten */

/* Write the request, of which the view has all, without command->compression. */
void hello_strip(const struct wire *, const struct command *, struct vn_span view,
                 struct vn_buffer *to);

/* Write the server's answer, whose document begins at `document`, with the addresses under which
 * this client reaches the proxies. False: nothing is written, for nothing changes in it. */
bool hello_rewrite(struct vn_session *, struct vn_span message, size_t document,
                   struct vn_buffer *to);

#endif
