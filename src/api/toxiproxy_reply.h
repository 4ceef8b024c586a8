/* toxiproxy_reply.h - replies and errors of the API in Toxiproxy's format, to the byte. */
#ifndef API_TOXIPROXY_REPLY_H
#define API_TOXIPROXY_REPLY_H

#include "api/request.h"
#include "toxiproxy/toxic.h"

#define TYPE_JSON "application/json"

void toxiproxy_reply(struct request *, unsigned status, json_t *body);  /* takes the reference */
void toxiproxy_reply_line(struct request *, unsigned status, const char *line); /* plain text */

/* {"error": TEXT, "status": N} */
void toxiproxy_error(struct request *, const struct http_error *);
void toxiproxy_refuse(struct request *, unsigned status, const char *text);

/* POST /populate replies with the proxies that it made, an array, and with the error that
 * stopped it (status 0: none; then `status` is sent). Takes the reference. */
void toxiproxy_reply_populated(struct request *, unsigned status, const struct http_error *,
                               json_t *proxies);

json_t *toxiproxy_proxy_json(const struct proxy *);     /* with its toxics; a new reference */

#endif
