/* api.h - a client of the control API of one Vaurien, with its stream of events.
 *
 * Requests do not wait: the reply is a callback. api_ask() alone waits, in rounds of the poller, so
 * all else goes on; it must not be called from a callback. */
#ifndef AUDIT_API_H
#define AUDIT_API_H

#include <jansson.h>
#include <stdbool.h>

#include "audit/poller.h"
#include "base/text.h"

#define API_SILENT 5.0                  /* seconds without an answer: it is lost */

struct api {
	struct poller *poller;
	char *base;                     /* http://localhost:8080 */
	char *socket;                   /* a path; NULL: it is not on a unix socket */
	struct curl_slist *headers;
	bool lost;                      /* it did not answer; `why` has one sentence */
	char why[ERROR_MAX];
	struct events *events;          /* NULL: no stream */
	struct api_call *calls;         /* under way */
};

/* "http://localhost:8080", "localhost:8080", "unix:/PATH". `token` may be NULL. False: `error` has
 * a sentence, and nothing is to be freed. */
bool api_init(struct api *, struct poller *, const char *url, const char *token,
              char error[ERROR_MAX]);
void api_free(struct api *);
bool api_local(const struct api *);     /* on this machine */

/* `status` 0: no answer in time, and `reply` has the sentence; or api_free() came first. `reply` is
 * borrowed, and may be NULL. */
typedef void api_done(void *user, long status, const json_t *reply);

/* Takes over `body` (NULL: none). `done` may be NULL: then only that the API is lost is noted. */
void api_send(struct api *, const char *method, const char *path, json_t *body, api_done *done,
              void *user);

/* The same, waiting. The status; *reply (if not NULL) is the caller's. */
long api_ask(struct api *, const char *method, const char *path, json_t *body, json_t **reply);

/* In a process of its own, which has no poller: PUT `body`, and wait. False: no answer in time. */
bool api_put_alone(struct api *, const char *path, const json_t *body);

/* What went wrong, in one sentence, out of the body of an answer. */
const char *api_sentence(const json_t *reply, char buffer[ERROR_MAX]);

/* "/NAME/rules/audit-1" of parts, each escaped; NULL at the end. To be freed. */
char *api_path(const char *first, ...) __attribute__((sentinel));

/* Open the stream, of these types. `take` is called with each event, within libcurl: it must not
 * ask anything. If the stream ends, the API is lost. */
void api_events(struct api *, const char *types, void (*take)(void *user, const json_t *event),
                void *user);
bool api_events_open(const struct api *);       /* the answer has begun */

#endif
