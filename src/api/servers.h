/* servers.h - what the server of a proxy names to clients, as JSON. In control. */
#ifndef API_SERVERS_H
#define API_SERVERS_H

#include <jansson.h>

#include "control/proxy.h"

/* Adds known_as, topology and unmapped, if they are not the default, and unmapped_addresses. */
void servers_to_json(const struct proxy *, json_t *to);

#endif
