/* etcd_link.h - the way to one etcd server: its address, our token, requests in its JSON. */
#ifndef FLEET_ETCD_LINK_H
#define FLEET_ETCD_LINK_H

#include "fleet/etcd_number.h"
#include "fleet/web.h"

struct etcd_link {
	struct web *web;
	json_t *endpoints;              /* URLs */
	size_t at;                      /* the one in use */
	char *prefix;                   /* of all keys: "/shop/" */
	char *token;                    /* after a login; NULL: none */
};

#define ETCD_TIMEOUT (2 * VN_S)         /* of each request but the streams */

/* POST to /v3/PATH; takes the reference to the body. A stream if the request has `line`. */
void etcd_post(struct etcd_link *, struct web_request *, const char *path, json_t *body);

/* base64 of the key PREFIX TAIL, and of the first key behind all that begin with it. */
json_t *etcd_key(const struct etcd_link *, const char *tail);
json_t *etcd_key_end(const struct etcd_link *, const char *tail);

#endif
