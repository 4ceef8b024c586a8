/* toxiproxy_job.h - a request that creates or changes proxies, one after the other.
 *
 * Names are looked up without blocking, so a job may take many turns of the loop. It answers its
 * request when every worker has all changes, or at the first error, and frees itself. */
#ifndef API_TOXIPROXY_JOB_H
#define API_TOXIPROXY_JOB_H

#include "api/request.h"
#include "toxiproxy/proxy_json.h"

/* Each takes the proxy_request over: what is in it, and job_populate() also the array from
 * malloc. */
void job_create(struct request *, struct proxy_request *);
void job_update(struct request *, struct proxy *, struct proxy_request *);
void job_populate(struct request *, struct proxy_request *, size_t n);

void job_reset(struct request *);       /* enables all proxies, without rules */

#endif
