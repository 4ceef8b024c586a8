/* server.h - the control API as its dialects see it: tables of routes, requests, and how they are answered.
 *
 * A dialect is a file: a table of routes, announced by the one line at its foot. No handler waits: one
 * that needs the workers' answer returns, and answers when that is there. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include <jansson.h>
#include <sys/types.h>

#include "control/control.h"
#include "spec/option.h"

struct http;
struct request;                         /* one HTTP request under way; it stays until it is answered */

struct http *http_start(struct control *, char error[ERROR_MAX]);       /* NULL: `error` says why */
void http_stop(struct http *);

/* ---- dialects ---- */

struct route {
	const char *method, *path;      /* method NULL: any. Each {} of the path stands for one segment: "/proxies/{}" */
	void (*handle)(struct request *);       /* answers, now or later, exactly once */
	bool of_proxy;                  /* also at /NAME/path: of the proxy of that name, or that listens on that port */
	bool needs_none;                /* ... and answers where there is no proxy, too */
};

struct dialect {                        /* a table of routes, and what its answers have in common */
	const char *name;
	const struct route *routes;     /* ends with a row without path */
	const char *prefix;              /* a path that begins so is of this dialect, with or without a route; NULL: none */
	bool (*check)(struct request *);                /* asked before its handlers; false: it has answered. NULL: all may */
	void (*not_found)(struct request *, unsigned status);       /* answers 404 and 405. NULL: as Vaurien does */
	bool no_head;                   /* HEAD is no GET here, but a method that nothing has */
	struct dialect *next;
};

void dialect_announce(struct dialect *);

bool toxiproxy_check(struct request *);         /* as Toxiproxy does: no browsers, and the answer gets a number */

#define DIALECT(id, ...) \
	static struct dialect dialect_##id = { .name = #id, __VA_ARGS__ }; \
	__attribute__((constructor)) static void dialect_##id##_announce(void) { dialect_announce(&dialect_##id); }

/* ---- what was asked ---- */

struct control *request_control(struct request *);
struct proxy *request_proxy(struct request *);            /* the proxy that the path names; else the first. Its routes are of_proxy */
const char *request_param(struct request *, unsigned i); /* what stands at the i-th {} of the path, decoded */
const char *request_query(struct request *, const char *name);          /* of ?name=value; NULL: not there */
const char *request_header(struct request *, const char *name);         /* NULL: not there */
const char *request_method(struct request *);
const char *request_client(struct request *, char *buffer, size_t size);        /* its address */
const char *request_by(struct request *);               /* the same, kept while the request is: for a waiter's `by` */
struct vn_span request_body(struct request *);
json_t *request_object(struct request *);               /* the body as one, a new reference; NULL: refused */

/* ---- answers: one of these, now or later ---- */

void request_answer(struct request *, unsigned status, json_t *body);   /* the reference passes over */
void request_answer_text(struct request *, unsigned status, const char *type, char *text, size_t n);
	/* bytes from malloc, which pass over; type NULL: says nothing of it */
void request_error(struct request *, unsigned status, const char *location, const char *name, const char *description);
	/* with Vaurien's error frame: what is wrong, and with which part of the request */
void request_change(struct request *, struct proxy *, struct spec *to, unsigned status, json_t *body);
	/* make the change, and answer so when every worker has it */
struct waiter *request_wait(struct request *, unsigned status, const char *type, char *text, size_t n);
	/* answer so when the waiter is told; it is for one change */
void request_set_header(struct request *, const char *header, const char *value);      /* a header of the answer, before it */

/* An answer that goes on, for as long as its client stays. */
struct stream {
	ssize_t (*pull)(struct stream *, char *bytes, size_t room);     /* how many bytes there are now; 0: none yet, stream_wake() then; -1: that was all */
	void (*gone)(struct stream *);  /* the last call: client or answer are at their end */
	struct request *request;        /* the server's */
};

void request_stream(struct request *, const char *type, struct stream *);
void stream_wake(struct stream *);

#endif
