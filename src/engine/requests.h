/* requests.h - what is asked and answered: exchanges opened, refused, answered, and worded in turn.
 *
 * The pipes call this where a message begins and where it is done; it says, in pipe->now, what
 * befalls its bytes. */
#ifndef ENGINE_REQUESTS_H
#define ENGINE_REQUESTS_H

#include "engine/exchange.h"

struct conn;
struct pipe;

void request_begin(struct conn *, struct vn_message *, struct vn_span piece);          /* a request's first piece */
void request_continue(struct conn *);      /* more bytes of the request under way */
void request_complete(struct conn *);                                             /* ... all of it was read */
void response_begin(struct conn *, struct vn_message *, struct vn_span piece);       /* a response's */
void response_complete(struct conn *);
void raw_turn(struct conn *, enum vn_direction, struct vn_span piece);           /* a piece of a stream without messages */
void raw_turn_meet_rules(struct conn *);                      /* rules come: the turn that is open will meet them */
bool raw_turn_continues(const struct conn *, enum vn_direction);                     /* the next such piece begins no turn */
struct exchange *unsolicited_begin(struct conn *);         /* the server speaks without having been asked; NULL: the connection ended of it */

bool reply_due(const struct conn *);             /* the oldest exchange waits for nothing but us */
void reply_send(struct conn *);                    /* ... so word it, end it, forget it */
bool reply_write(struct conn *, struct exchange *, const struct vn_failure *, struct holds *late);

void raw_turn_sent(struct conn *);                      /* bytes for the client left the queue */
void exchanges_end(struct conn *);                      /* the connection ends: so do its exchanges */

void conn_go_raw(struct conn *, struct pipe *, const char *why);       /* not understood: plain bytes from here on */

#endif
