/* others.h - sockets that are no TCP streams: left alone, and counted if they are in earnest.
 *
 * Name look-ups connect datagram sockets to sort addresses, and close them at once. So a socket
 * counts if it is still there after a while. */
#ifndef RUN_OTHERS_H
#define RUN_OTHERS_H

#include "run/state.h"

/* Answers the caller; owns `socket`. -1: a datagram socket that we have no duplicate of. */
void other_note(struct supervisor *, const struct caller *, int socket, const struct endpoint *to);

void others_look(struct timer *);       /* of supervisor.other_timer */
void others_free(struct supervisor *);  /* counts those that are still there */

#endif
