/* accept.h - accepting clients, numbering them, and dealing them out to the workers. */
#ifndef ENGINE_ACCEPT_H
#define ENGINE_ACCEPT_H

#include "engine/birth.h"
#include "engine/listener.h"

/* Worker 0's thread. Starts accepting on `fd`, which the listener owns from now on. `unix_path` is
 * the path of its socket, or NULL. The first call creates the shard's listener, which lives as long
 * as the shard: connection numbers go on. */
void listener_start(struct shard *, int fd, const char *unix_path);

/* Worker 0's thread. The shard's listener, which is made when it is first needed. */
struct listener *listener_of(struct shard *);

/* Any thread. Takes a client for a proxy with a gate. Its sockets are reset if there is no such
 * proxy any more. */
void accept_birth(struct birth *);

#endif
