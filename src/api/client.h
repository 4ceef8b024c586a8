/* client.h - the API's clients: who leaves is noticed, and who only keeps others waiting makes room. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api/request.h"

struct clients {                        /* those that wait longest first */
	struct client *first, **last;
	unsigned n;
};

enum { CLIENTS_MAX = 256 };             /* with one more, the one that waits longest goes */

void clients_init(struct clients *);
struct client *client_new(struct clients *, struct loop *, struct http *, struct MHD_Connection *);
void client_drop(struct client *);      /* the daemon has closed it */
void client_takes(struct client *, struct request *);   /* its request is whole and under way; NULL: it is answered */

#endif
