/* legs.h - what the TLS of a proxy's legs has counted, as JSON. In control. */
#ifndef API_LEGS_H
#define API_LEGS_H

#include <jansson.h>

#include "engine/stats.h"
#include "spec/spec.h"

/* Adds `tls`, with `client` and `backend`, each if that leg has TLS; nothing if none has. */
void legs_to_json(const struct spec *, const struct totals *, json_t *to);

#endif
