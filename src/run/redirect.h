/* redirect.h - mode `socket`: the caller's own socket is led to a private listener.
 *
 *   a duplicate of the socket -> the backend is dialled -> the duplicate connects to a door
 *   -> the caller has its answer -> the door accepts -> the birth is handed over
 *
 * A dial is found by the socket's cookie, until its caller has the answer and its client has come.
 * So a call that is repeated, or restarted after a signal, joins it. */
#ifndef RUN_REDIRECT_H
#define RUN_REDIRECT_H

#include "run/state.h"

/* A caller with a duplicate of its socket, which it owns, and a plain address. */
void redirect_take(struct supervisor *, const struct caller *, int socket,
                   const struct endpoint *to);

/* The place of a caller is decided: see supervisor.decided, supervisor.came. */
void redirect_decided(struct place *, const struct caller *, int socket);
void redirect_came(struct dial *, int fd);

/* Resets all that is under way. */
void redirect_free(struct supervisor *);

#endif
