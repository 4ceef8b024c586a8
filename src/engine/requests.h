/* requests.h - what the client asks: exchanges are opened, judged, refused by a substitute. */
#ifndef ENGINE_REQUESTS_H
#define ENGINE_REQUESTS_H

#include "engine/engine.h"

void request_begin(struct conn *, struct vn_message *, struct vn_span piece);   /* its first piece */
void request_continue(struct conn *);   /* more bytes of the request under way */
void request_complete(struct conn *);   /* all of it was read */

/* The rules are asked of the request that this exchange is; it may be refused. */
void request_apply_rules(struct conn *, struct exchange *, const struct vn_message *, struct vn_span piece);

void sequel_forget(struct conn *);      /* the server refused the request that the oldest exchange was to follow */

#endif
