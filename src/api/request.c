/* request.c - a request from its first line to its answer, which may come later, or go on for long. */
#include "api/request.h"

#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

/* ---- life ---- */

struct request *request_new(struct http *h, struct MHD_Connection *connection, const char *url)
{
	struct request *r = xcalloc(1, sizeof *r);
	r->http = h;
	r->control = http_control(h);
	r->connection = connection;
	r->url = xstrdup(url);
	return r;
}

void request_free(struct request *r)
{
	if (r->stream) {
		r->stream->request = NULL;
		r->stream->gone(r->stream);
	}
	for (unsigned i = 0; i < WORDS_MAX; i++)
		free(r->words[i]);
	for (unsigned i = 0; i < r->n_says; i++) {
		free(r->says[i].header);
		free(r->says[i].value);
	}
	json_decref(r->answer);
	free(r->text);
	free(r->body);
	free(r->url);
	free(r);
}

void request_suspend(struct request *r)
{
	struct request **head = http_suspended(r->http);

	MHD_suspend_connection(r->connection);
	r->next = *head;
	if (r->next)
		r->next->back = &r->next;
	r->back = head;
	*head = r;
}

void request_resume(struct request *r)
{
	*r->back = r->next;
	if (r->next)
		r->next->back = r->back;
	r->back = NULL;
	MHD_resume_connection(r->connection);
}

/* The answer is known. Inside the daemon's call nothing is to be done: that will send it. */
static void request_ready(struct request *r)
{
	r->ready = true;
	if (!r->connection) {
		request_free(r);
	} else if (r->back) {
		request_resume(r);
		http_soon(r->http);
	}
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

const char *request_param(struct request *r, unsigned i)
{
	assert(i < WORDS_MAX && r->words[i]);
	return r->words[i];
}

const char *request_query(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *request_header(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_method(struct request *r)
{
	return r->method;
}

const char *request_client(struct request *r, char *buffer, size_t size)
{
	struct endpoint e = { .len = sizeof e.addr };
	int fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	if (getpeername(fd, (struct sockaddr *)&e.addr, &e.len) != 0 || e.addr.ss_family == AF_UNIX)
		snprintf(buffer, size, "unix");
	else
		endpoint_show(&e, buffer, size);
	return buffer;
}

const char *request_by(struct request *r)
{
	if (!*r->by && r->connection)
		request_client(r, r->by, sizeof r->by);
	return r->by;
}

struct vn_span request_body(struct request *r)
{
	return (struct vn_span){ r->body, r->n };
}

/* ---- answers ---- */

void request_set_header(struct request *r, const char *header, const char *value)
{
	assert(r->n_says < SAYINGS_MAX);
	char *h = xstrdup(header), *v = xstrdup(value);
	r->says[r->n_says].header = h;
	r->says[r->n_says++].value = v;
}

static bool answered(const struct request *r)
{
	return r->answer || r->text || r->stream || r->ready;
}

void request_answer(struct request *r, unsigned status, json_t *body)
{
	assert(body && !answered(r));
	r->status = status;
	r->answer = body;
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

void request_error(struct request *r, unsigned status, const char *location, const char *name, const char *description)
{
	request_answer(r, status, json_pack("{s:s, s:[{s:s, s:o, s:o}]}", "status", "error", "errors",
	                                    "location", location, "name", json_text(name),
	                                    "description", json_text(description)));
}

json_t *request_object(struct request *r)
{
	struct vn_span body = request_body(r);
	json_t *object = json_loadb((const char *)body.p, body.n, 0, NULL);

	if (json_is_object(object))
		return object;
	json_decref(object);
	request_error(r, 400, "body", "", "the value is not a valid json object");
	return NULL;
}

static void request_changed(struct waiter *w)
{
	request_ready(OWNER(request, waiter, w));
}

struct waiter *request_wait(struct request *r, unsigned status, const char *type, char *text, size_t n)
{
	assert(!answered(r));
	r->status = status;
	r->type = type;
	r->text = text;
	r->length = n;
	r->waiter.done = request_changed;
	r->waiter.by = request_by(r);
	return &r->waiter;
}

void request_change(struct request *r, struct proxy *proxy, struct spec *to, unsigned status, json_t *body)
{
	assert(body && !answered(r));
	r->status = status;
	r->answer = body;
	r->waiter.done = request_changed;
	r->waiter.by = request_by(r);
	control_change(request_control(r), proxy, to, &r->waiter);
}

/* ---- an answer that goes on ---- */

void request_stream(struct request *r, const char *type, struct stream *s)
{
	assert(!answered(r));
	r->status = 200;
	r->type = type;
	r->stream = s;
	s->request = r;
	request_ready(r);
}

void stream_wake(struct stream *s)
{
	struct request *r = s->request;

	if (r && r->connection && r->back) {
		request_resume(r);
		http_soon(r->http);
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
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_read, r, NULL);
	if (r->answer) {
		r->text = json_dumps(r->answer, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
		assert(r->text);
		r->length = strlen(r->text);
		r->type = "application/json";
	}
	char *text = r->text;
	r->text = NULL;
	return MHD_create_response_from_buffer(r->length, text, MHD_RESPMEM_MUST_FREE);
}

int request_send(struct request *r)
{
	struct MHD_Response *answer = response_make(r);

	assert(answer);
	if (r->type)
		MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
	if (r->allow[0] && r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, r->allow);
	for (unsigned i = 0; i < r->n_says; i++)
		MHD_add_response_header(answer, r->says[i].header, r->says[i].value);
	int result = MHD_queue_response(r->connection, r->status, answer);
	MHD_destroy_response(answer);
	return result;
}
