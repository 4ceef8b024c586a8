/* accept.h - accepts clients, numbers them and deals them to the workers. */
#ifndef ENGINE_ACCEPT_H
#define ENGINE_ACCEPT_H

#include "engine/listener.h"

/* Worker 0: `fd` listens for the shard's proxy and passes over. unix_path: of its socket file, else NULL. The
 * listener is made at the first start and stays; connections' numbers go on. */
void listener_start(struct shard *, int fd, const char *unix_path);

#endif
