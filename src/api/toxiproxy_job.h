/* toxiproxy_job.h - a request that makes or changes proxies: their names are looked up, their ports bound, one after the other,
 * and it is answered when every worker has all of it. */
#ifndef API_TOXIPROXY_JOB_H
#define API_TOXIPROXY_JOB_H

#include "api/server.h"
#include "toxiproxy/proxy_json.h"

void job_create(struct request *, struct proxy_request *);            /* takes the wish over */
void job_update(struct request *, struct proxy *, struct proxy_request *);
void job_populate(struct request *, struct proxy_request *, size_t n);
void job_reset(struct request *);

json_t *proxy_json(const struct proxy *);
void toxiproxy_error(struct request *, const struct http_error *);     /* answer with it */

#endif
