/* registry.h - who has announced themselves: behaviors and protocols, sorted by name. */
#ifndef SPEC_REGISTRY_H
#define SPEC_REGISTRY_H

#include "vaurien.h"

const struct vn_behavior *behavior_find(const char *name);         /* NULL: unknown */
const struct vn_protocol *protocol_find(const char *name);
const struct vn_behavior *const *behaviors_all(size_t *n);         /* sorted by name */
const struct vn_protocol *const *protocols_all(size_t *n);
const struct vn_failure  *failure_find(const struct vn_protocol *, const char *name);

/* NULL, or one sentence that names what is wrong with those announced (a wrong ABI, a name twice, an
 * option table that makes no sense). To be asked once at start. */
const char *registry_error(void);

#endif
