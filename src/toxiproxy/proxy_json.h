/* proxy_json.h - a proxy as Toxiproxy's JSON has it: read, checked, made into a spec. */
#ifndef TOXIPROXY_PROXY_JSON_H
#define TOXIPROXY_PROXY_JSON_H

#include "net/address.h"
#include "spec/spec.h"
#include "toxiproxy/toxic.h"

struct proxy_request {                  /* of missing keys: NULL, -1 */
	char *name, *listen, *upstream;
	int enabled, ipv4_only;
	const struct vn_protocol *protocol;
	json_t *toxics, *behavior;      /* references */
	json_t *tls;                    /* an object: tls_options that are given; or NULL */
	json_t *topology;               /* an object: struct topology_fields that are given */
};

/* `owner`: Go's name of the struct, as "Proxy". False: refused, and nothing is to be freed. */
bool proxy_request_read(struct proxy_request *, const json_t *, const char *owner,
                        struct http_error *);
void proxy_request_free(struct proxy_request *);

/* An array, each with name and upstream; NULL: refused. */
struct proxy_request *proxy_requests_read(const json_t *list, size_t *n, struct http_error *);
void proxy_requests_free(struct proxy_request *, size_t n);

/* Where Go would listen: if `listen` is 0.0.0.0 or has no host, also on all addresses of IPv6,
 * unless `ipv4_only`. To be freed with address_free. False: `error` has Go's sentence. */
bool proxy_request_address(const char *listen, bool ipv4_only, struct address *,
                           char error[GO_ERROR]);

/* 0.0.0.0 in a request is all addresses of IPv6, too. False: the system has no IPv6. */
bool proxy_everywhere_has_ipv6(void);

/* Any text is accepted: connecting fails if it is no address. To be freed with address_free. */
struct address proxy_request_upstream(const char *);

/* The spec `is` with the rules of the request. Rules that are the same keep id and counters. *same:
 * all are, so that nothing changes. NULL: refused. */
struct spec *proxy_request_rules(const struct proxy_request *, const struct spec *is, bool *same,
                                 struct http_error *);

/* {"name": "20:delay", "options": {...}}, as PUT /behavior takes it. NULL: there is none. */
json_t *proxy_behavior_json(const struct spec *);

/* Changes the spec's topology_fields, which must not be shared yet. */
void proxy_request_topology(struct spec *, const struct proxy_request *);

/* Changes the options spec->tls, not the legs: tls_legs_make() does that. */
void proxy_request_tls(struct spec *, const struct proxy_request *);

/* The spec: what the request has, the rest as in the template. NULL: refused. */
struct spec *proxy_request_spec(const struct proxy_request *, const struct address *listen,
                                const struct spec *template, struct http_error *);

#endif
