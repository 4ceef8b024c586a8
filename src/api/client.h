/* client.h - connected clients of the API: when one leaves, and which one is evicted.
 *
 * One struct client per TCP connection, from its accept to its close by libmicrohttpd. Control
 * thread only. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api/request.h"

struct client;

struct clients {                        /* the one that we have waited for longest first */
	struct client *first, **last;
	unsigned n;
};

enum { CLIENTS_MAX = 256 };             /* with one more, one is evicted */

void clients_init(struct clients *);
struct client *client_new(struct clients *, struct http *, struct MHD_Connection *);

/* libmicrohttpd has closed it. Freed at the end of the loop's turn. */
void client_free(struct client *);

/* A request of it has begun; NULL: the request is over, and we wait for the next one. */
void client_set_request(struct client *, struct request *);

/* Its answer is made: from now on we wait for the client to take it. */
void client_awaited(struct client *);

/* Close the connection that has kept the server waiting longest, so that another gets its place and
 * its descriptor. */
void clients_evict(struct clients *);

/* The same for memory: evict clients other than that of `r` until all requests together hold at
 * most HELD_MAX bytes. False: no client that is waited for holds any. */
bool clients_make_room(struct clients *, const struct request *r);

#endif
