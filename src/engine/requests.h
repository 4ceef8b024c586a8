/* requests.h - what is asked and answered: exchanges opened, refused, answered, and worded in turn.
 *
 * The pipes call this where a message begins and where it is done; it says, in pipe->now, what
 * befalls its bytes. */
#ifndef DIALOGUE_H
#define DIALOGUE_H

#include "engine/exchange.h"

struct conn;
struct pipe;

void dialogue_ask(struct conn *, struct vn_message *, struct vn_span piece);          /* a request's first piece */
void dialogue_go_on(struct conn *);      /* more bytes of the request under way */
void dialogue_asked(struct conn *);                                             /* ... all of it was read */
void dialogue_answer(struct conn *, struct vn_message *, struct vn_span piece);       /* a response's */
void dialogue_answered(struct conn *);
void dialogue_turn(struct conn *, enum vn_direction, struct vn_span piece);           /* a piece of a stream without messages */
void raw_turn_meet_rules(struct conn *);                      /* rules come: the turn that is open will meet them */
bool dialogue_goes_on(const struct conn *, enum vn_direction);                     /* the next such piece begins no turn */
struct exchange *dialogue_greet(struct conn *);         /* the server speaks without having been asked; NULL: the connection ended of it */

bool dialogue_settles(const struct conn *);             /* the oldest exchange waits for nothing but us */
void dialogue_settle(struct conn *);                    /* ... so word it, end it, forget it */
bool dialogue_word(struct conn *, struct exchange *, const struct vn_failure *, struct holds *late);

void dialogue_sent(struct conn *);                      /* bytes for the client left the queue */
void dialogue_over(struct conn *);                      /* the connection ends: so do its exchanges */

void dialogue_raw(struct conn *, struct pipe *, const char *why);       /* not understood: plain bytes from here on */

#endif
