/* request.h - one HTTP request, from its first line to the end of its answer.
 *
 * server.c makes it when the first line is here. router.c finds its route, whose handler
 * answers it exactly once: now, or later when the workers have replied. The server sends the
 * answer and frees the request. A client that leaves before that takes the connection away;
 * the request then stays until it is answered. Control thread only. */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include <jansson.h>
#include <sys/types.h>

#include "base/text.h"
#include "control/control.h"

struct MHD_Connection;
struct dialect;
struct pieces;
struct request;
struct stream;

/* Long answers take turns: see pieces.c, whose struct this is. */
struct turns {
	struct pieces *first, **last;   /* those that wait; last NULL: none has waited so far */
	int made;                       /* batches in this turn of the loop */
};

/* What all requests share with the server, which owns it. */
struct http {
	struct control *control;
	struct loop *loop;
	struct timer timer;             /* when libmicrohttpd is to run next */
	/* Evict clients other than that of this request until all requests fit. False: they do
	 * not. */
	bool (*make_room)(struct http *, const struct request *);
	bool local;                     /* bound to loopback: the Host header must be local, too */
	struct turns turns;
	struct request *suspended;      /* those that wait for their answer, or for more of it */
};

#define TYPE_JSON "application/json"

enum {
	PARAMS_MAX   = 4,
	HEADERS_MAX  = 8,
	BODY_MAX     = 1 << 20,         /* bytes of a body; more is a 413 */
	HELD_MAX     = 64 << 20,        /* bytes of all bodies and answers together ... */
	REQUESTS_MAX = 1024,            /* ... and requests at a time; more is a 503 */
	NAME_MAX_API = 1024,            /* bytes of a name ... */
	ADDRESS_MAX_API = 512,          /* ... of an address ... */
	TEXT_MAX_API = 65536,           /* ... and of any other text that a body has */
};

struct request {
	struct http *http;              /* may be freed when a late answer comes; `connection` is
	                                   NULL then */
	struct control *control;
	struct MHD_Connection *connection;      /* NULL: the client has left */

	/* ---- what was asked ---- */
	char *url;                      /* as received */
	const char *method;             /* libmicrohttpd's; valid in the handler only */
	uint8_t *body;
	size_t n, room;                 /* of `body`: bytes kept, allocated */
	uint64_t sent;                  /* body bytes that came, kept or not */
	size_t held;                    /* of HELD_MAX: for the body, what is made of it, and the
	                                   answer */
	char client[80];                /* its address; "": see request_client() */

	/* ---- router.c's ---- */
	const struct dialect *dialect;
	char *params[PARAMS_MAX];       /* the path's segments at each {} of the route */
	struct proxy *proxy;
	char allow[64];                 /* methods that the path has: the header of a 405 */

	/* ---- progress ---- */
	bool begun;                     /* its headers are here */
	bool dispatched;                /* its handler was called: it must stay until it is ready */
	bool full;                      /* its body found no room: a 503 */
	bool left;                      /* the client of a stream has closed its side, or any client
	                                   was evicted */
	bool leaving;                   /* evicted: `held` will be given back soon */
	bool ready;                     /* it is answered, by one of the following */
	struct request *next, **link;   /* among http->suspended; link NULL: not suspended */

	/* ---- the answer ---- */
	unsigned status;
	const char *type;               /* NULL: no Content-Type */
	char *text; size_t length;
	json_t *json;
	struct stream *stream;
	struct { char *name, *value; } headers[HEADERS_MAX];
	unsigned n_headers;
	struct waiter waiter;           /* for the change that it is answered after */
};

/* ---- for handlers: what was asked ---- */

struct control *request_control(struct request *);
struct proxy *request_proxy(struct request *);          /* of a route that is `of_proxy` */
struct spec *request_spec(struct request *);            /* of that proxy */
const char *request_param(struct request *, unsigned i);        /* at the i-th {}, decoded */
const char *request_query(struct request *, const char *name);  /* ?name=value; NULL: none */
const char *request_header(struct request *, const char *name); /* NULL: none */
const char *request_client(struct request *);   /* its address or "unix"; the request's memory */
struct vn_span request_body(struct request *);
json_t *request_object(struct request *);       /* the body, a new reference; NULL: answered */

/* ---- for handlers: one of these answers, now or later ---- */

void request_answer(struct request *, unsigned status, json_t *body);   /* takes the reference */

/* `text` is from malloc, and taken over. */
void request_answer_text(struct request *, unsigned status, const char *type, char *text, size_t n);

/* Vaurien's error object. `location`: "body", "query", "url", "header"; `name`: the part of it. */
void request_error(struct request *, unsigned status, const char *location, const char *name,
                   const char *description);

/* The 404 of a proxy that there is not. */
void request_no_proxy(struct request *, const char *name);

/* With ?check=true a change of a proxy is checked and answered, but not made. A mistake is not the
 * request's then: the status is 200, and the body has the error. */
bool request_checks_only(struct request *);

/* Change the proxy, and answer when every worker has the change. Takes both references. Nothing is
 * changed if the request only checks. */
void request_change(struct request *, struct proxy *, struct spec *to, unsigned status,
                    json_t *body);

/* The same for a change that the caller makes with this waiter. Takes `text` over. */
struct waiter *request_wait(struct request *, unsigned status, const char *type, char *text,
                            size_t n);

void request_stream(struct request *, unsigned status, const char *type, struct stream *);

/* A header of the answer; to be set before it. */
void request_set_header(struct request *, const char *name, const char *value);

/* An answer that is made while it is sent. The handler's memory. */
struct stream {
	/* Write at most `room` bytes, and return how many. 0: none now, stream_wake() comes later;
	 * -1: the end. */
	ssize_t (*pull)(struct stream *, char *bytes, size_t room);
	void (*gone)(struct stream *);  /* the last call: frees it */
	bool endless;                   /* it goes on for as long as its client stays */
	struct request *request;        /* set by request_stream(); NULL: freed */
};

void stream_wake(struct stream *);

/* Count `n` bytes more for the request, and evict clients that are waited for until all requests
 * fit into HELD_MAX. False: they do not, and the bytes are not counted. */
bool request_hold(struct request *, size_t n);

/* False: a text in the JSON is longer than the API takes; `error` says which. */
bool request_texts_fit(const json_t *, char error[ERROR_MAX]);

/* ---- for the server ---- */

struct request *request_new(struct http *, struct MHD_Connection *, const char *url);
void request_free(struct request *);
void request_suspend(struct request *);
void request_resume(struct request *);
void request_abandon(struct request *);         /* its client is evicted */
bool requests_fit(void);                        /* into HELD_MAX, without those abandoned */
bool requests_too_many(void);
bool request_collect(struct request *, const char *bytes, size_t n);    /* false: give up */
int request_send(struct request *);     /* what libmicrohttpd's callback is to return */

/* Let libmicrohttpd run in the loop's next turn; it must not in the call of a handler. */
void http_run_soon(struct http *);

#endif
