/* responses.h - responses of the backend: matched to their request, judged, passed on. */
#ifndef ENGINE_RESPONSES_H
#define ENGINE_RESPONSES_H

#include "engine/engine.h"

/* Bit of the numbers of unsolicited exchanges. They are numbered apart: otherwise a notice would
 * shift the draws of all requests after it. */
#define UNASKED (1ull << 63)

/* The first piece of a response, and its end. */
void response_begin(struct conn *, struct vn_message *, struct vn_span piece);
void response_complete(struct conn *);

/* The server waits for the client before it answers; this piece of n bytes invites it. If a rule
 * drops the answer, the connection ends: neither side would send again. */
void response_invites(struct conn *, size_t n);

/* Calls the rules for a response with `head` bytes of framing. */
void response_judge(struct conn *, struct exchange *, uint16_t head, struct vn_span piece);

/* Its answer was to be edited to asked.struck, and could not be: see plan_unedited(). */
void response_unedited(struct conn *, struct exchange *, const char *limit);

/* The protocol has looked at a piece of an answer that is to be edited. */
void response_struck(struct conn *, struct exchange *, struct vn_session *);

/* The oldest exchange, when its response begins: it meets the rules that came while it was open.
 * NULL: no exchange is open. */
struct exchange *exchange_head(struct conn *);

/* Before a server that does not greet: a rule that refuses new connections does so at accept, as
 * exchange 0, and nothing else is judged. */
void accept_judge(struct conn *);

/* The server sends without having been asked: its greeting, or a push. NULL: the connection is
 * doomed. */
struct exchange *unsolicited_begin(struct conn *);

#endif
