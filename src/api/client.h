/* client.h - connected clients of the API: when one leaves, and which one is evicted.
 *
 * One struct client per TCP connection, from its accept to its close by libmicrohttpd. Control
 * thread only. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api/request.h"

struct client;

struct clients {                        /* the one that has waited longest first */
	struct client *first, **last;
	unsigned n;
};

enum { CLIENTS_MAX = 256 };             /* with one more, one is evicted */

void clients_init(struct clients *);
struct client *client_new(struct clients *, struct http *, struct MHD_Connection *);

/* libmicrohttpd has closed it. Freed at the end of the loop's turn. */
void client_free(struct client *);

/* Its request is complete, and is being answered; NULL: it was answered. */
void client_set_request(struct client *, struct request *);

#endif
