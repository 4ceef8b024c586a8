/* responses.h - responses: matched to the request that they answer, judged, passed on. */
#ifndef ENGINE_RESPONSES_H
#define ENGINE_RESPONSES_H

#include "engine/engine.h"

#define UNASKED (1ull << 63)            /* numbers of exchanges that nobody requested: apart, so that they shift no other's fate */

void response_begin(struct conn *, struct vn_message *, struct vn_span piece);  /* its first piece */

/* The server waits for the client in the middle of an answer, with a piece of n bytes. Where a rule
 * swallows that answer the connection ends, as neither side would send again. */
void response_invites(struct conn *, size_t n);
void response_complete(struct conn *);

/* The rules are asked of a response with `head` bytes of framing. */
void response_judge(struct conn *, struct exchange *, uint16_t head, struct vn_span piece);

/* The oldest exchange, whose response begins: rules that came while it was open meet it now. NULL: none is open. */
struct exchange *exchange_head(struct conn *);

/* Before a server that does not greet: a rule that refuses new connections does so at accept, as exchange 0, and
 * nothing else is judged. */
void accept_judge(struct conn *);

/* The server sends without having been asked: its greeting, or a push. NULL: the connection is doomed. */
struct exchange *unsolicited_begin(struct conn *);

#endif
