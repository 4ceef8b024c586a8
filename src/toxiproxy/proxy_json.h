/* proxy_json.h - a proxy as Toxiproxy's JSON wants it: in a request, in a list, in a file. */
#ifndef TOXIPROXY_PROXY_JSON_H
#define TOXIPROXY_PROXY_JSON_H

#include "config/settings.h"
#include "toxiproxy/toxic.h"

struct proxy_request {                           /* NULL, -1: not said */
	char *name, *listen, *upstream;
	int enabled;
	const struct vn_protocol *protocol;
	json_t *toxics;                 /* held */
};

/* `owner`: what Go calls the struct: "Proxy". False: refused, and nothing is to be freed. */
bool proxy_request_read(struct proxy_request *, const json_t *, const char *owner, struct http_error *);
void proxy_request_free(struct proxy_request *);

/* A list of them, all with name and upstream; NULL: refused. */
struct proxy_request *proxy_requests_read(const json_t *list, size_t *n, struct http_error *);
void proxy_requests_free(struct proxy_request *, size_t n);

/* Where Go would listen; to be freed with address_free. False: `error` says it in Go's words. */
bool proxy_request_address(const char *listen, struct address *, char error[GO_ERROR]);
struct address proxy_request_upstream(const char *);     /* any text is one: what is none will not be reached */

/* A proxy as it is wished for, and for the rest as the program's words have it; NULL: refused. */
struct spec *proxy_request_spec(const struct settings *, const struct proxy_request *, const struct address *listen, struct http_error *);

/* All proxies that a file's text asks for. -1: settings have them; else the exit code, and why has been said. */
int proxy_requests_take(struct settings *, const char *file);

#endif
