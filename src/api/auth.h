/* auth.h - checks that refuse requests from web pages, and those without the token. */
#ifndef API_AUTH_H
#define API_AUTH_H

#include "api/request.h"

/* Host, Origin and Authorization. `version`: "HTTP/1.1". False: the request was answered. */
bool auth_check(struct request *, const char *method, const char *version);

/* As Toxiproxy does: browsers are refused, and the answer gets a random
 * X-Toxiproxy-Request-Id. False: the request was answered. A dialect's `check`. */
bool toxiproxy_check(struct request *);

#endif
