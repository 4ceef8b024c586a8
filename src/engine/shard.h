/* shard.h - one proxy in one worker: start, change, drain, stop.
 *
 * Control makes the shards of a proxy together, one per worker. All other functions run in the
 * worker's thread, by broadcast. A shard is freed when no mail for it can be under way. */
#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "engine/engine.h"

/* Makes n shards, one for each worker of `all`. `number` is the proxy's. Never fails. */
void shard_make(struct shard **shards, struct worker *all, unsigned n, unsigned number);

/* Starts it: makes its plan of the spec, of which the plan keeps a reference. */
void shard_start(struct shard *, struct spec *);

/* Makes a new plan, and changes the rules of live connections. */
void shard_change(struct shard *, struct spec *);

/* Closes all connections. */
void shard_close_all(struct shard *);

/* Stops it for good. Mail for it may still be under way. */
void shard_stop(struct shard *);

/* Reads no more, and closes connections that have sent what is due. True: none is left. */
bool shard_drain(struct shard *);

/* Resets the connections that are left. */
void shard_reset_all(struct shard *);

/* Only when it has no connection, and no mail for it is under way. */
void shard_free(struct shard *);

/* True if it takes new connections. */
bool shard_is_open(const struct shard *);

#endif
