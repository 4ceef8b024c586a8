/* server.h - the HTTP server of the control API: libmicrohttpd on the control thread's loop. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "base/text.h"
#include "control/control.h"

struct server;

/* Listens where the settings want it. Looks names up, so it may block: for the start only. NULL:
 * `error` has one sentence. */
struct server *server_start(struct control *, char error[ERROR_MAX]);
/* Where clients find it, "http://HOST:PORT"; NULL: there is none, or it is a socket file. */
const char *server_url(const struct server *);

void server_stop(struct server *);      /* closes all connections, and frees it; NULL: nothing */

#endif
