/* door.h - private listeners, and the callers' sockets that are expected there. */
#ifndef RUN_DOOR_H
#define RUN_DOOR_H

#include "run/state.h"

/* Opens the doors of mode `socket`. What IPv6 lacks here is no error. False: `error` has a
 * sentence. */
bool doors_open(struct supervisor *, char error[ERROR_MAX]);
void doors_close(struct supervisor *);

/* A door for this family on loopback, port chosen by the kernel. NULL: errno says why. */
struct door *door_make(struct supervisor *, int family,
                       void (*came)(struct door *, int, const struct endpoint *));

/* A unix socket in our directory, with a short path. */
struct door *door_make_local(struct supervisor *,
                             void (*came)(struct door *, int, const struct endpoint *));
void door_free(struct door *);          /* NULL is allowed */

/* It answers no client, and answers them again. */
void door_fall_silent(struct door *);
void door_answer_again(struct door *);

/* Takes the clients that wait. */
void door_look(struct door *);

/* The socket of this dial is led to a door, from d->peer: its client will come. */
void door_expect(struct dial *);
void door_forget(struct dial *);

/* Is this a listener of this program? */
bool door_is_own(const struct supervisor *, const struct endpoint *);

#endif
