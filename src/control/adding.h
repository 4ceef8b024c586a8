/* adding.h - proxies that are made on demand, before addresses that servers tell their clients.
 *
 * A worker has bound the socket by then: engine/unmapped.h. Control thread only. */
#ifndef CONTROL_ADDING_H
#define CONTROL_ADDING_H

#include "control/proxy.h"

/* Proxies may be added to the table, `most` of them. */
void adding_init(struct unmapped *, struct proxy_table *, int64_t most);

#endif
