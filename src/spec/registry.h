/* registry.h - who has announced themselves: behaviors and protocols, sorted by name. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "vaurien.h"

const struct behavior *behavior_find(const char *name);         /* NULL: unknown */
const struct protocol *protocol_find(const char *name);
const struct behavior *const *behaviors_all(size_t *n);         /* sorted by name */
const struct protocol *const *protocols_all(size_t *n);
const struct failure  *failure_find(const struct protocol *, const char *name);

/* NULL, or one sentence that names what is wrong with those announced (a wrong ABI, a name twice, an
 * option table that makes no sense). To be asked once at start. */
const char *registry_fault(void);

#endif
