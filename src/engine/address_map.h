/* address_map.h - from the addresses by which servers call themselves to the proxies before them.
 *
 * Servers of a cluster tell clients where its members are. vn_map_address() has the address of the
 * proxy that stands before a member, so that clients stay behind proxies. Each worker has a map of
 * its own, made of its shards' specs when it is first asked after a change. */
#ifndef ENGINE_ADDRESS_MAP_H
#define ENGINE_ADDRESS_MAP_H

#include "engine/engine.h"

struct unmapped;

/* `u` is that of all workers. */
void address_map_init(struct address_map *, struct unmapped *u);
void address_map_free(struct address_map *);

/* A shard of this worker has come, gone or changed. */
void address_map_forget(struct address_map *);

/* Do answers of its server get other addresses? */
bool address_map_rewrites(const struct shard *);

#endif
