/* request.h - a request under way, as the server's own files see it: http.c takes it, route.c finds where it
 * goes, guard.c who may ask, request.c answers. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/server.h"

struct MHD_Connection;

enum { WORDS_MAX = 4, SAYINGS_MAX = 8 };

struct request {
	struct http *http;              /* may be gone when a late answer comes; then there is no connection, either */
	struct control *control;
	struct MHD_Connection *connection;      /* NULL: the client left during a change */
	char *url;                      /* as it came */
	const char *method;             /* the daemon's, until it is dispatched */
	uint8_t *body;
	size_t n, room;
	uint64_t sent;                  /* body bytes that came, kept or not */
	const struct dialect *dialect;
	char *words[WORDS_MAX];         /* what stands at the {} of the path */
	struct proxy *proxy;
	char allow[64];                 /* of a 405 */
	bool begun;                     /* its headers are here */
	bool dispatched;                /* a handler has it: it must stay until it is ready */
	bool left;                      /* the client of a stream says no more */
	bool ready;                     /* to be answered ... */
	unsigned status;
	const char *type;
	char *text; size_t length;      /* ... with this; or */
	json_t *answer;                 /* ... when the change is made; or */
	struct stream *stream;
	struct { char *header, *value; } says[SAYINGS_MAX];
	unsigned n_says;
	char by[80];                    /* the client's address, once it was asked for */
	struct waiter waiter;
	struct request *next, **back;   /* among those suspended; back NULL: is not */
};

struct request *request_new(struct http *, struct MHD_Connection *, const char *url);
void request_free(struct request *);
void request_suspend(struct request *);
void request_resume(struct request *);
int  request_send(struct request *);    /* what the daemon is to return */

const struct route *route_find(struct request *, const char *method);   /* NULL: answered, or strayed */
void request_not_found(struct request *, unsigned status);
bool request_check(struct request *, const char *version);      /* false: answered */

/* The server's, for these. */
struct control *http_control(struct http *);
struct request **http_suspended(struct http *);
bool http_local(struct http *);         /* bound to loopback */
void http_soon(struct http *);          /* the daemon runs again: in this round, not in this call */

#endif
