/* request.c - one HTTP request, from its first line to the end of its answer. */
#include "api/request.h"

#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/memory.h"

enum {
	BODY_READ = 16 << 20,           /* bytes: an answer is sent at a body's end, if that comes
	                                   by then */
	BODY_ROOM = 1024,               /* bytes of room for a body, to begin with */
};

/* All requests of the program. */
static struct {
	unsigned n;
	size_t held, leaving;           /* bytes; of those, bytes of requests that were abandoned */
} requests;

/* ---- life ---- */

struct request *request_new(struct http *h, struct MHD_Connection *connection, const char *url)
{
	struct request *r = xcalloc(1, sizeof *r);
	r->http = h;
	r->control = h->control;
	r->connection = connection;
	r->url = xstrdup(url);
	requests.n++;
	return r;
}

void request_free(struct request *r)
{
	if (r->stream) {
		r->stream->request = NULL;
		r->stream->gone(r->stream);
	}
	for (unsigned i = 0; i < PARAMS_MAX; i++)
		free(r->params[i]);
	for (unsigned i = 0; i < r->n_headers; i++) {
		free(r->headers[i].name);
		free(r->headers[i].value);
	}
	requests.n--;
	requests.held -= r->held;
	requests.leaving -= r->leaving ? r->held : 0;
	json_decref(r->json);
	free(r->text);
	free(r->body);
	free(r->url);
	free(r);
}

void request_suspend(struct request *r)
{
	struct request **head = &r->http->suspended;

	MHD_suspend_connection(r->connection);
	r->next = *head;
	if (r->next)
		r->next->link = &r->next;
	r->link = head;
	*head = r;
}

void request_resume(struct request *r)
{
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->link = NULL;
	MHD_resume_connection(r->connection);
}

void http_run_soon(struct http *h)
{
	timer_set(h->loop, &h->timer, h->loop->now + 1);
}

/* The answer is known. If the request is not suspended, libmicrohttpd's callback is still
 * running, and will send it. */
static void request_ready(struct request *r)
{
	r->ready = true;
	if (!r->connection) {
		request_free(r);
	} else if (r->link) {
		request_resume(r);
		http_run_soon(r->http);
	}
}

/* ---- bounds ---- */

bool requests_fit(void)
{
	return requests.held - requests.leaving <= HELD_MAX;
}

bool requests_too_many(void)
{
	return requests.n > REQUESTS_MAX;
}

bool request_hold(struct request *r, size_t n)
{
	if (r->leaving)
		return true;
	requests.held += n;
	r->held += n;
	if (requests_fit() || (r->connection && r->http->make_room(r->http, r)))
		return true;
	requests.held -= n;
	r->held -= n;
	return false;
}

static void body_drop(struct request *r)
{
	free(r->body);
	r->body = NULL;
	r->n = r->room = 0;
}

void request_abandon(struct request *r)
{
	if (!r->leaving)
		requests.leaving += r->held;
	r->leaving = r->left = true;
	if (!r->dispatched)
		body_drop(r);
	if (r->link)
		request_resume(r);      /* libmicrohttpd closes no connection that is suspended */
}

static bool body_grow(struct request *r, size_t need)
{
	size_t room = r->room ? r->room : BODY_ROOM;

	while (room < need)
		room *= 2;
	if (room > r->room && !request_hold(r, room - r->room))
		return false;
	r->body = xrealloc(r->body, room);
	r->room = room;
	return true;
}

bool request_collect(struct request *r, const char *bytes, size_t n)
{
	r->sent += n;
	if (r->left)
		return false;
	if (r->sent > BODY_MAX || r->ready || r->full)
		return r->sent <= BODY_READ;
	if (!body_grow(r, r->n + n)) {
		r->full = true;
		body_drop(r);
		return true;
	}
	memcpy(r->body + r->n, bytes, n);
	r->n += n;
	return true;
}

/* `key`: of an object; NULL: none. */
static bool text_fits(const char *key, const json_t *text, char error[ERROR_MAX])
{
	static const struct { const char *key; size_t most; } all[] = {
		{ "name", NAME_MAX_API }, { "listen", ADDRESS_MAX_API },
		{ "upstream", ADDRESS_MAX_API }, { "backend", ADDRESS_MAX_API },
	};
	size_t most = TEXT_MAX_API;
	char shown[64];

	for (size_t i = 0; key && i < sizeof all / sizeof *all; i++)
		if (!strcasecmp(key, all[i].key))
			most = all[i].most;
	if (json_string_length(text) <= most)
		return true;
	text_printable(key ? key : "text", shown, sizeof shown);
	error_format(error, "%s: expected at most %zu bytes, got %zu", shown, most,
	             json_string_length(text));
	return false;
}

static bool texts_fit(const char *key, const json_t *v, char error[ERROR_MAX])
{
	json_t *each;
	const char *name;
	size_t i;

	if (json_is_string(v))
		return text_fits(key, v, error);
	json_array_foreach(v, i, each)
		if (!texts_fit(NULL, each, error))
			return false;
	json_object_foreach((json_t *)v, name, each)
		if (!texts_fit(name, each, error))
			return false;
	return true;
}

bool request_texts_fit(const json_t *v, char error[ERROR_MAX])
{
	return texts_fit(NULL, v, error);
}

/* ---- what was asked ---- */

struct control *request_control(struct request *r)
{
	return r->control;
}

struct proxy *request_proxy(struct request *r)
{
	return r->proxy;
}

struct spec *request_spec(struct request *r)
{
	return proxy_spec(request_proxy(r));
}

const char *request_param(struct request *r, unsigned i)
{
	assert(i < PARAMS_MAX && r->params[i]);
	return r->params[i];
}

const char *request_query(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool request_checks_only(struct request *r)
{
	const char *check = request_query(r, "check");

	return check && strcmp(check, "false") != 0;
}

const char *request_header(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static void client_show(struct MHD_Connection *connection, char *buffer, size_t size)
{
	struct endpoint e = { .len = sizeof e.addr };
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	if (getpeername(fd, (struct sockaddr *)&e.addr, &e.len) != 0 || e.addr.ss_family == AF_UNIX)
		snprintf(buffer, size, "unix");
	else
		endpoint_show(&e, buffer, size);
}

const char *request_client(struct request *r)
{
	if (!*r->client && r->connection)
		client_show(r->connection, r->client, sizeof r->client);
	return r->client;
}

struct vn_span request_body(struct request *r)
{
	return (struct vn_span){ r->body, r->n };
}

/* ---- answers ---- */

void request_set_header(struct request *r, const char *name, const char *value)
{
	assert(r->n_headers < HEADERS_MAX);
	r->headers[r->n_headers].name = xstrdup(name);
	r->headers[r->n_headers++].value = xstrdup(value);
}

static bool answered(const struct request *r)
{
	return r->json || r->text || r->stream || r->ready;
}

void request_answer(struct request *r, unsigned status, json_t *body)
{
	assert(body && !answered(r));
	r->status = status;
	r->json = body;
	request_ready(r);
}

void request_answer_text(struct request *r, unsigned status, const char *type, char *text, size_t n)
{
	assert(!answered(r));
	r->status = status;
	r->type = type;
	r->text = text;
	r->length = n;
	request_ready(r);
}

void request_error(struct request *r, unsigned status, const char *location, const char *name,
                   const char *description)
{
	request_answer(r, status == 400 && request_checks_only(r) ? 200 : status,
	               json_pack("{s:s, s:[{s:s, s:o, s:o}]}", "status", "error", "errors",
	                         "location", location, "name", json_text(name),
	                         "description", json_text(description)));
}

void request_no_proxy(struct request *r, const char *name)
{
	char error[ERROR_MAX], shown[80];

	error_format(error, "there is no proxy '%s'", text_printable(name, shown, sizeof shown));
	request_error(r, 404, "url", "proxy", error);
}

json_t *request_object(struct request *r)
{
	struct vn_span body = request_body(r);
	json_t *object = json_loadb((const char *)body.p, body.n, 0, NULL);
	char error[ERROR_MAX] = "the value is not a valid json object";

	if (json_is_object(object) && request_texts_fit(object, error))
		return object;
	json_decref(object);
	request_error(r, 400, "body", "", error);
	return NULL;
}

static void request_changed(struct waiter *w)
{
	request_ready(OWNER(request, waiter, w));
}

static struct waiter *request_waiter(struct request *r)
{
	r->waiter.done = request_changed;
	r->waiter.by = request_client(r);
	return &r->waiter;
}

struct waiter *request_wait(struct request *r, unsigned status, const char *type, char *text,
                            size_t n)
{
	assert(!answered(r));
	r->status = status;
	r->type = type;
	r->text = text;
	r->length = n;
	return request_waiter(r);
}

void request_change(struct request *r, struct proxy *p, struct spec *to, unsigned status,
                    json_t *body)
{
	assert(body && !answered(r));
	if (request_checks_only(r)) {
		spec_unref(to);
		request_answer(r, status, body);
		return;
	}
	r->status = status;
	r->json = body;
	control_change(request_control(r), p, to, request_waiter(r));
}

/* ---- an answer that goes on ---- */

void request_stream(struct request *r, unsigned status, const char *type, struct stream *s)
{
	assert(!answered(r));
	r->status = status;
	r->type = type;
	r->stream = s;
	s->request = r;
	request_ready(r);
}

void stream_wake(struct stream *s)
{
	struct request *r = s->request;

	if (r && r->connection && r->link) {
		request_resume(r);
		http_run_soon(r->http);
	}
}

static ssize_t stream_read(void *request, uint64_t at, char *bytes, size_t room)
{
	struct request *r = request;

	if (r->left)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	ssize_t n = r->stream->pull(r->stream, bytes, room);
	if (n == 0)
		request_suspend(r);
	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

/* ---- sending ---- */

static struct MHD_Response *response_make(struct request *r)
{
	if (r->stream)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, r,
		                                         NULL);
	if (r->json) {
		r->text = json_dumps(r->json, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		assert(r->text);
		r->length = strlen(r->text);
		r->type = TYPE_JSON;
	}
	char *text = r->text;
	r->text = NULL;
	return MHD_create_response_from_buffer(r->length, text, MHD_RESPMEM_MUST_FREE);
}

int request_send(struct request *r)
{
	struct MHD_Response *answer = response_make(r);

	assert(answer);
	request_hold(r, r->length);     /* where it finds no room, it goes all the same: others do
	                                   not wait for this client */
	if (r->type)
		MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
	if (r->allow[0] && r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, r->allow);
	for (unsigned i = 0; i < r->n_headers; i++)
		MHD_add_response_header(answer, r->headers[i].name, r->headers[i].value);
	int result = MHD_queue_response(r->connection, r->status, answer);
	MHD_destroy_response(answer);
	return result;
}
