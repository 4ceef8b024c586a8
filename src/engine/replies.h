/* replies.h - error replies that the engine writes in the server's format. */
#ifndef ENGINE_REPLIES_H
#define ENGINE_REPLIES_H

#include "engine/engine.h"

/* True if the oldest exchange waits for nothing but us. Where answers come by id, any may: it
 * becomes the first. */
bool reply_due(struct conn *);

/* Writes the failure of that exchange, ends the connection, or forgets the exchange. */
void reply_send(struct conn *);

/* Write this failure to the client; x NULL: unasked, on an idle connection. Returns how the
 * connection must end besides what the failure says. */
enum vn_end reply_write(struct conn *, struct exchange *, const struct vn_failure *,
                        struct holds *);

#endif
