/* web.h - HTTP requests with JSON bodies, by libcurl, on the control thread's loop.
 *
 * libcurl tells which sockets and which time it waits for, and the loop calls it back: nothing here
 * waits. A request's answer comes as one value, or line by line as it arrives. */
#ifndef FLEET_WEB_H
#define FLEET_WEB_H

#include <jansson.h>

#include "base/loop.h"
#include "base/text.h"

struct web;

struct web_tls { const char *ca, *cert, *key; };        /* paths; NULL: not given */

struct web_request {
	/* ---- set before web_start() ---- */
	void (*line)(struct web_request *, json_t *value);      /* of a stream; NULL: not one */
	/* Called once, unless it is cancelled. `answer`: the body, borrowed; NULL: there is none,
	 * and `error` says why. */
	void (*done)(struct web_request *, const json_t *answer, const char *error);
	void *user;
	vn_nsec timeout;                /* of the whole; VN_NEVER: a stream */

	/* ---- web.c's ---- */
	struct web *web;
	void *easy;                     /* NULL: not under way */
	struct curl_slist *headers;
	char *text; size_t n, room;     /* what is here of the answer, or of its next line */
	bool long_, broken;             /* more than ANSWER_MAX; a line that is no JSON */
};

enum { ANSWER_MAX = 64 << 20 };         /* bytes of an answer, or of a line of a stream */

/* NULL: `error` has one sentence. The texts must stay. */
struct web *web_open(struct loop *, const struct web_tls *, char error[ERROR_MAX]);
void web_close(struct web *);           /* cancels what is under way */

/* POST the value, whose reference passes over. `token`: for Authorization; NULL: none. */
void web_start(struct web *, struct web_request *, const char *url, const char *token,
               json_t *body);
void web_cancel(struct web_request *);  /* also one that is not under way */

#endif
