/* replies.h - replies written by us in the protocol's format, in the server's stead. */
#ifndef ENGINE_REPLIES_H
#define ENGINE_REPLIES_H

#include "engine/engine.h"

bool reply_due(const struct conn *);    /* the oldest exchange waits for nothing but us */
void reply_send(struct conn *);         /* ... so write its failure, end the connection, or forget it */

/* Write this failure to the client; x NULL: unasked, on an idle connection. Returns how the
 * connection must end besides what the failure says. */
enum vn_end reply_write(struct conn *, struct exchange *, const struct vn_failure *, struct holds *);

#endif
