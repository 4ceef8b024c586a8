/* toxiproxy_reply.h - replies and errors of the API in Toxiproxy's format, to the byte. */
#ifndef API_TOXIPROXY_REPLY_H
#define API_TOXIPROXY_REPLY_H

#include "api/request.h"
#include "toxiproxy/toxic.h"

void toxiproxy_reply(struct request *, unsigned status, json_t *body);  /* takes the reference */
void toxiproxy_reply_line(struct request *, unsigned status, const char *line); /* plain text */

/* {"error": TEXT, "status": N} */
void toxiproxy_error(struct request *, const struct http_error *);
void toxiproxy_refuse(struct request *, unsigned status, const char *text);

struct populated_proxy {                /* that POST /populate has created, changed or found */
	unsigned number;
	char *text;                     /* its JSON then; NULL: what it is when the reply is sent */
};

/* POST /populate replies with its proxies, and with the error that stopped it (status 0: none;
 * then `status` is sent). Takes `made` over. */
void toxiproxy_reply_populated(struct request *, unsigned status, const struct http_error *,
                               struct populated_proxy *made, size_t n);

void go_put(FILE *to, json_t *);        /* as go_write(); takes the reference */

/* The address that the proxy is shown with; the buffer, or a text of the spec. */
const char *toxiproxy_listen(const struct proxy *, char buffer[160]);

json_t *toxiproxy_proxy_json(const struct proxy *);     /* with its toxics; a new reference */

#endif
