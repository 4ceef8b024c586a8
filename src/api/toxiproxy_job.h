/* toxiproxy_job.h - a request that makes or changes proxies: their names are looked up, their ports bound, one after the other,
 * and it is answered when every worker has all of it. */
#ifndef ERRAND_H
#define ERRAND_H

#include "api/server.h"
#include "toxiproxy/proxy_json.h"

void errand_create(struct request *, struct wish *);            /* takes the wish over */
void errand_update(struct request *, struct proxy *, struct wish *);
void errand_populate(struct request *, struct wish *, size_t n);
void errand_reset(struct request *);

json_t *proxy_json(const struct proxy *);
void request_fault(struct request *, const struct fault *);     /* answer with it */

#endif
