/* places.h - destinations: which proxy carries them, or why they are left alone. */
#ifndef RUN_PLACES_H
#define RUN_PLACES_H

#include "run/state.h"

/* Makes it plain: ::ffff:127.0.0.1 is 127.0.0.1, and the wildcard address is loopback. */
void endpoint_plain(struct endpoint *);

/* The place of a plain address, decided or not. NULL: there are too many. */
struct place *place_find(struct supervisor *, const struct endpoint *);

/* Decides a new place, at once or later. */
void place_decide(struct place *);

/* The caller waits until the place is decided: then s->decided() is called. It owns `socket`. */
void place_wait(struct place *, const struct caller *, int socket);

/* Counts a connection that is left alone there. `why` NULL: it is not worth a word. */
void place_left(struct place *, const char *why, const struct caller *);

/* Counts a connection that was tried, without success. `c` may be NULL. */
void place_failed(struct place *, const char *why, const struct caller *c);

/* The same for a caller whose memory or sockets may not be read. */
void left_unreadable(struct supervisor *, const struct caller *);

/* Begins the look-ups of named backends. */
void carriers_start(struct supervisor *);

/* True: no look-up is under way. */
bool carriers_ready(const struct supervisor *);
void carriers_stop(struct supervisor *);

/* Frees all places and carriers. */
void places_free(struct supervisor *);

#endif
