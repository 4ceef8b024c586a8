/* http.h - the control API's server, on the control thread's loop; each dialect is a table of routes.
 *
 * No handler waits: one that needs the workers' answer suspends its request and resumes it then. */
#ifndef HTTP_H
#define HTTP_H

#include <jansson.h>

#include "../control.h"
#include "../option.h"

struct http;
struct request;                         /* one HTTP request under way */

struct http *http_start(struct control *, char error[SENTENCE]);       /* NULL: `error` says why */
void http_stop(struct http *);

struct route {
	const char *method, *path;      /* exact */
	void (*handle)(struct request *);       /* answers, now or later, exactly once */
	bool of_proxy;                  /* also at /NAME/path: of the proxy of that name, or that listens on that port */
};

extern const struct route routes_vaurien[];     /* ends with a row without path */

struct control *request_control(struct request *);
unsigned request_proxy(struct request *);       /* the one that the path names; 0, the first, when it names none */
struct span request_body(struct request *);
void request_answer(struct request *, unsigned status, json_t *body);   /* the reference passes over */
void request_refuse(struct request *, unsigned status, const char *location, const char *name, const char *description);
	/* answer with Vaurien's error frame: what is wrong, and with which part of the request */
void request_change(struct request *, unsigned proxy, struct spec *to, unsigned status, json_t *body);
	/* make the change, and answer so when every worker has it */
json_t *json_words(const char *text);   /* a JSON string of whatever bytes `text` holds */

#endif
