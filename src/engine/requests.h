/* requests.h - requests of the client: they open exchanges, are judged, or refused by a substitute.
 */
#ifndef ENGINE_REQUESTS_H
#define ENGINE_REQUESTS_H

#include "engine/engine.h"

/* The first piece of a request, more bytes of it, its end. */
void request_begin(struct conn *, struct vn_message *, struct vn_span piece);
void request_continue(struct conn *);
void request_complete(struct conn *);

/* Calls the rules for the request that opened this exchange. They may refuse it. */
void request_apply_rules(struct conn *, struct exchange *, const struct vn_message *,
                         struct vn_span piece);

/* The server has refused the request before a sequel, so the sequel will not come. */
void sequel_forget(struct conn *);

#endif
