/* registry.h - all behaviors and protocols, by name: those built in and those of plugins. */
#ifndef SPEC_REGISTRY_H
#define SPEC_REGISTRY_H

#include <stddef.h>

#include "base/suggest.h"
#include "vaurien.h"

const struct vn_behavior *behavior_find(const char *name);      /* NULL: unknown */
const struct vn_protocol *protocol_find(const char *name);
const struct vn_behavior *const *behaviors_all(size_t *n);      /* sorted by name */
const struct vn_protocol *const *protocols_all(size_t *n);

/* "; did you mean 'delay'?" if a known name is near, else ""; in the buffer, which is returned. */
const char *behavior_suggest(const char *word, char buffer[SUGGEST_MAX]);
const char *protocol_suggest(const char *word, char buffer[SUGGEST_MAX]);

#endif
