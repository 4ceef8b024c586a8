/* proxy_json.h - a proxy as Toxiproxy's JSON has it: read, checked, made into a spec. */
#ifndef TOXIPROXY_PROXY_JSON_H
#define TOXIPROXY_PROXY_JSON_H

#include "net/address.h"
#include "spec/spec.h"
#include "toxiproxy/toxic.h"

struct proxy_request {                  /* of missing keys: NULL, -1 */
	char *name, *listen, *upstream;
	int enabled;
	const struct vn_protocol *protocol;
	json_t *toxics;                 /* a reference */
};

/* `owner`: Go's name of the struct, as "Proxy". False: refused, and nothing is to be freed. */
bool proxy_request_read(struct proxy_request *, const json_t *, const char *owner,
                        struct http_error *);
void proxy_request_free(struct proxy_request *);

/* An array, each with name and upstream; NULL: refused. */
struct proxy_request *proxy_requests_read(const json_t *list, size_t *n, struct http_error *);
void proxy_requests_free(struct proxy_request *, size_t n);

/* Where Go would listen; to be freed with address_free. False: `error` has Go's sentence. */
bool proxy_request_address(const char *listen, struct address *, char error[GO_ERROR]);

/* Any text is accepted: connecting fails if it is no address. To be freed with address_free. */
struct address proxy_request_upstream(const char *);

/* The spec: what the request has, the rest as in the template. NULL: refused. */
struct spec *proxy_request_spec(const struct proxy_request *, const struct address *listen,
                                const struct spec *template, struct http_error *);

#endif
