/* shard.h - one proxy in one worker: started, changed, drained, stopped.
 *
 * Control makes a proxy's shards together, one per worker; each is then started, and freed, in its
 * worker's thread. */
#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "engine/engine.h"

void shard_make(struct shard **shards, struct worker *all, unsigned n, unsigned number);
void shard_start(struct shard *, struct spec *);
void shard_change(struct shard *, struct spec *);       /* live connections follow */
void shard_close_all(struct shard *);                   /* all connections are closed */
void shard_stop(struct shard *);                        /* for good; there may still be mail for it */
bool shard_drain(struct shard *);       /* nothing more is read, connections that have sent what is due are closed; true: all are */
void shard_reset_all(struct shard *);                   /* what is left is reset */
void shard_free(struct shard *);                        /* without connections, and mail for it */

bool shard_is_open(const struct shard *);               /* takes connections */

#endif
