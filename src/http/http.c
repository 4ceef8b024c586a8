/* http.c - serves the control API: takes HTTP requests, finds each its route, sends the JSON answer.
 *
 * libmicrohttpd reads and writes, on the control thread's loop: its own epoll descriptor is one of
 * ours. It calls request_take for each stage of a request:
 *
 *	headers       a struct request is made
 *	body, pieces  collected
 *	all read      dispatched to a route; answered at once, or suspended until its change is made
 *	resumed       answered
 */
#include "http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../log.h"
#include "door.h"

enum {
	BODY_MAX      = 1 << 20,        /* of a request, in bytes; more is a 413 ... */
	BODY_PATIENCE = 16 << 20,       /* ... said at its end, if that comes within so many */
	CLIENTS_MAX   = 256,
	CLIENT_IDLE   = 60,             /* seconds */
	CLIENT_GONE   = 1,              /* seconds, for what a client that says no more is still owed */
};

struct http {
	struct control *control;
	struct loop *loop;
	struct MHD_Daemon *daemon;
	struct watch watch;             /* the daemon's epoll descriptor */
	struct timer timer;             /* the daemon's next time-out */
	bool local;                     /* bound to loopback: then the Host header must say so, too */
	char *unix_path;                /* to be unlinked at the end; or NULL */
	struct request *suspended;
};

struct request {
	struct http *http;
	struct MHD_Connection *connection;      /* NULL: the client left during a change */
	uint8_t *body;
	size_t n, room;
	uint64_t sent;                  /* body bytes that came, kept or not */
	unsigned proxy;
	bool dispatched;                /* a handler has it: it must stay until it is ready */
	bool ready;                     /* to be answered */
	unsigned status;
	json_t *answer;
	char allow[64];                 /* of a 405 */
	struct waiter waiter;
	struct request *next, **back;   /* among those suspended; back NULL: is not */
};

/* A client's socket. The daemon misses an end of stream that comes together with the last bytes, and
 * would keep the socket until it times out; so we look for that end, too. */
struct client {
	struct mail mail;               /* frees it, when no event of this round can be for it */
	struct watch watch;
	struct http *http;
	struct MHD_Connection *connection;
};

#define holder(type, member, p) ((type *)((char *)(p) - offsetof(type, member)))

/* Let the daemon run again: in this round, not in this call. */
static void http_soon(struct http *h)
{
	timer_set(h->loop, &h->timer, h->loop->now + 1);
}

/* ---- a request's life ---- */

static struct request *request_new(struct http *h, struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof *r);

	assert(r);
	r->http = h;
	r->connection = connection;
	return r;
}

static void request_free(struct request *r)
{
	json_decref(r->answer);
	free(r->body);
	free(r);
}

static void request_suspend(struct request *r)
{
	struct request **head = &r->http->suspended;

	MHD_suspend_connection(r->connection);
	r->next = *head;
	if (r->next)
		r->next->back = &r->next;
	r->back = head;
	*head = r;
}

static void request_resume(struct request *r)
{
	*r->back = r->next;
	if (r->next)
		r->next->back = r->back;
	r->back = NULL;
	MHD_resume_connection(r->connection);
}

/* The answer is known. Inside request_take nothing is to be done: that will send it. */
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

static bool request_collect(struct request *r, const char *bytes, size_t n)
{
	r->sent += n;
	if (r->sent > BODY_MAX)
		return r->sent <= BODY_PATIENCE;
	if (r->n + n > r->room) {
		r->room = (r->n + n) * 2;
		r->body = realloc(r->body, r->room);
		assert(r->body);
	}
	memcpy(r->body + r->n, bytes, n);
	r->n += n;
	return true;
}

static enum MHD_Result request_send(struct request *r)
{
	char *text = json_dumps(r->answer, JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));

	assert(text);
	struct MHD_Response *answer =
		MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	assert(answer);
	MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (r->allow[0])
		MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, r->allow);
	enum MHD_Result result = MHD_queue_response(r->connection, r->status, answer);
	MHD_destroy_response(answer);
	return result;
}

/* ---- what handlers see ---- */

struct control *request_control(struct request *r)
{
	return r->http->control;
}

unsigned request_proxy(struct request *r)
{
	return r->proxy;
}

struct span request_body(struct request *r)
{
	return (struct span){ r->body, r->n };
}

void request_answer(struct request *r, unsigned status, json_t *body)
{
	assert(body && !r->answer);
	r->status = status;
	r->answer = body;
	request_ready(r);
}

json_t *json_words(const char *text)
{
	size_t n = strlen(text);

	/* A sentence that was cut to fit its room may end inside a character. */
	for (size_t cut = 0; cut <= 3 && cut <= n; cut++) {
		json_t *words = json_stringn(text, n - cut);
		if (words)
			return words;
	}
	char *plain = strdup(text);
	assert(plain);
	for (char *p = plain; *p; p++)
		if (*p & 0x80)
			*p = '?';
	json_t *words = json_string(plain);
	free(plain);
	return words;
}

void request_refuse(struct request *r, unsigned status, const char *location, const char *name,
                    const char *description)
{
	request_answer(r, status, json_pack("{s:s, s:[{s:s, s:o, s:o}]}", "status", "error", "errors",
	                                    "location", location, "name", json_words(name),
	                                    "description", json_words(description)));
}

static void request_changed(struct waiter *w)
{
	request_ready(holder(struct request, waiter, w));
}

void request_change(struct request *r, unsigned proxy, struct spec *to, unsigned status, json_t *body)
{
	assert(body && !r->answer);
	r->status = status;
	r->answer = body;
	r->waiter.done = request_changed;
	control_change(r->http->control, proxy, to, &r->waiter);
}

/* ---- who may ask ---- */

/* A host that no web page can make point at us: what stops DNS rebinding. */
static bool host_local(const char *host)
{
	char name[64];
	struct in_addr ip;

	if (host[0] == '[')
		return strcmp(host, "[::1]") == 0 || strncmp(host, "[::1]:", 6) == 0;
	size_t n = strcspn(host, ":");
	if (n >= sizeof name)
		return false;
	memcpy(name, host, n);
	name[n] = 0;
	return strcasecmp(name, "localhost") == 0
	    || (inet_pton(AF_INET, name, &ip) == 1 && ntohl(ip.s_addr) >> 24 == 127);
}

/* A browser says in Origin which page asks. Ours are those that came from here. */
static bool origin_ours(const char *origin, const char *host)
{
	const char *name = strstr(origin, "://");

	return name && host && strcasecmp(name + 3, host) == 0;
}

static bool request_admit(struct request *r, const char *version)
{
	const char *host = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Host");
	const char *origin = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Origin");

	if (!host && strcmp(version, MHD_HTTP_VERSION_1_1) == 0)
		request_refuse(r, 400, "header", "Host", "a Host header is expected in HTTP/1.1");
	else if (host && r->http->local && !host_local(host))
		request_refuse(r, 403, "header", "Host",
		               "expected localhost, 127.0.0.1 or [::1]: "
		               "the API listens on loopback only");
	else if (origin && !origin_ours(origin, host))
		request_refuse(r, 403, "header", "Origin",
		               "requests from other origins are not served");
	else
		return true;
	return false;
}

/* ---- where it goes ---- */

static bool port_matches(const char *text, int port)
{
	char digits[16];

	snprintf(digits, sizeof digits, "%d", port);
	return port > 0 && strcmp(text, digits) == 0;
}

static bool proxy_find(struct control *c, const char *name, unsigned *proxy)
{
	for (unsigned pass = 0; pass < 2; pass++)       /* names go before ports */
		for (unsigned i = 0; i < control_count(c); i++) {
			const struct spec *s = control_spec(c, i);
			if (pass ? port_matches(name, s->listen.port) : strcmp(name, s->name) == 0) {
				*proxy = i;
				return true;
			}
		}
	return false;
}

/* The route for a method at exactly this path. NULL: none; `allow` then lists the methods there. */
static const struct route *route_find(const char *method, const char *path, bool of_proxy,
                                      char *allow, size_t size)
{
	bool get = false;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";                         /* the daemon leaves the body out */
	for (const struct route *route = routes_vaurien; route->path; route++) {
		if (strcmp(route->path, path) != 0 || (of_proxy && !route->of_proxy))
			continue;
		if (strcmp(route->method, method) == 0) {
			allow[0] = 0;
			return route;
		}
		get |= strcmp(route->method, "GET") == 0;
		size_t n = strlen(allow);
		snprintf(allow + n, size - n, "%s%s", n ? ", " : "", route->method);
	}
	if (get)
		strncat(allow, ", HEAD", size - strlen(allow) - 1);
	return NULL;
}

/* The path of an absolute URI, or the path itself. */
static const char *url_path(const char *url)
{
	if (strncasecmp(url, "http://", 7) != 0)
		return url;
	const char *path = strchr(url + 7, '/');
	return path ? path : "/";
}

static const struct route *request_route(struct request *r, const char *method, const char *path)
{
	const struct route *route = route_find(method, path, false, r->allow, sizeof r->allow);
	const char *slash = strrchr(path, '/');

	if (!route && !r->allow[0] && slash && slash > path) {
		char *name = strndup(path + 1, slash - path - 1);
		assert(name);
		if (proxy_find(r->http->control, name, &r->proxy))
			route = route_find(method, slash, true, r->allow, sizeof r->allow);
		free(name);
	}
	return route;
}

static void request_stray(struct request *r, const char *method)
{
	char message[SENTENCE];
	unsigned status = r->allow[0] ? 405 : 404;
	const char *title = status == 405 ? "Method Not Allowed" : "Not Found";

	if (status == 405)
		snprintf(message, sizeof message,
		         "The method %.64s is not allowed for this resource. \n\n\n", method);
	else
		snprintf(message, sizeof message, "The resource could not be found.");
	request_answer(r, status, json_pack("{s:o, s:o, s:s}", "message", json_words(message),
	                                    "code", json_sprintf("%u %s", status, title),
	                                    "title", title));
}

static void request_dispatch(struct request *r, const char *url, const char *method,
                             const char *version)
{
	r->dispatched = true;
	if (!request_admit(r, version))
		return;
	const struct route *route = request_route(r, method, url_path(url));
	if (!route)
		request_stray(r, method);
	else if (r->sent > BODY_MAX)
		request_refuse(r, 413, "body", "", "a body of at most 1048576 bytes was expected");
	else
		route->handle(r);
}

/* ---- clients ---- */

static void client_gone(struct watch *w, unsigned events)
{
	struct client *c = holder(struct client, watch, w);

	MHD_set_connection_option(c->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)CLIENT_GONE);
	http_soon(c->http);
}

static void client_free(struct mail *m)
{
	free(holder(struct client, mail, m));
}

static struct client *client_new(struct http *h, struct MHD_Connection *connection)
{
	struct client *c = calloc(1, sizeof *c);

	assert(c);
	c->http = h;
	c->connection = connection;
	c->mail.open = client_free;
	c->watch = (struct watch){
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
		client_gone };
	loop_watch(h->loop, &c->watch, EPOLLRDHUP | EPOLLET);
	return c;
}

static void client_notice(void *http, struct MHD_Connection *connection, void **client,
                          enum MHD_ConnectionNotificationCode what)
{
	struct http *h = http;
	struct client *c = *client;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*client = client_new(h, connection);
	} else if (c) {
		loop_unwatch(h->loop, &c->watch);
		c->watch.fd = -1;
		loop_later(h->loop, &c->mail);
		*client = NULL;
	}
}

/* ---- libmicrohttpd's calls ---- */

static enum MHD_Result request_take(void *http, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version,
                                    const char *bytes, size_t *n, void **state)
{
	struct request *r = *state;

	if (!r) {
		*state = request_new(http, connection);
		return MHD_YES;
	}
	if (*n) {
		bool good = request_collect(r, bytes, *n);
		*n = 0;
		return good ? MHD_YES : MHD_NO;
	}
	if (!r->dispatched)
		request_dispatch(r, url, method, version);
	if (r->ready)
		return request_send(r);
	request_suspend(r);
	return MHD_YES;
}

static void request_completed(void *http, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;

	*state = NULL;
	if (!r)
		return;
	r->connection = NULL;
	if (r->ready || !r->dispatched)
		request_free(r);        /* else its waiter is still out, and frees it */
}

static void http_complain(void *http, const char *format, va_list arguments)
{
	char line[SENTENCE];

	vsnprintf(line, sizeof line, format, arguments);
	line[strcspn(line, "\n")] = 0;
	log_debug("http: %s", line);
}

/* ---- the server ---- */

static void http_run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->daemon);
	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		timer_stop(h->loop, &h->timer);
	else                            /* never this instant: others must get their turn */
		timer_set(h->loop, &h->timer, h->loop->now + (ms ? (nsec)ms * NSEC_MS : 1));
}

static void http_readable(struct watch *w, unsigned events)
{
	http_run(holder(struct http, watch, w));
}

static void http_timeout(struct timer *t)
{
	http_run(holder(struct http, timer, t));
}

static void http_say_started(struct http *h, const char *host, const struct endpoint *at)
{
	char shown[160];
	const char *open = "", *close = "";

	if (at->addr.ss_family == AF_UNIX) {
		log_info("Started the HTTP server: %s", host);
		return;
	}
	in_port_t port = at->addr.ss_family == AF_INET6
	               ? ((const struct sockaddr_in6 *)&at->addr)->sin6_port
	               : ((const struct sockaddr_in *)&at->addr)->sin_port;
	if (strchr(host, ':') && host[0] != '[')
		open = "[", close = "]";
	log_info("Started the HTTP server: http://%s%s%s:%d", open, host, close, ntohs(port));
	if (!h->local)
		log_warning("The HTTP server listens on %s: whoever reaches it can change this proxy",
		            endpoint_show(at, shown, sizeof shown));
}

struct http *http_start(struct control *c, char error[SENTENCE])
{
	const struct settings *s = control_settings(c);
	struct endpoint at;
	int fd = door_open(s->http_host, s->http_port, &at, error);

	if (fd < 0)
		return NULL;
	struct http *h = calloc(1, sizeof *h);
	assert(h);
	h->control = c;
	h->loop = control_loop(c);
	h->local = at.addr.ss_family != AF_UNIX && endpoint_loopback(&at);
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	                             NULL, NULL, request_take, h,
	                             MHD_OPTION_EXTERNAL_LOGGER, http_complain, NULL,
	                             MHD_OPTION_LISTEN_SOCKET, fd,
	                             MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
	                             MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_IDLE,
	                             MHD_OPTION_NOTIFY_CONNECTION, client_notice, h,
	                             MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
	                             MHD_OPTION_END);
	if (!h->daemon) {
		snprintf(error, SENTENCE, "The HTTP server did not start on %.150s", s->http_host);
		close(fd);
		free(h);
		return NULL;
	}
	if (at.addr.ss_family == AF_UNIX) {
		h->unix_path = strdup(s->http_host + 5);
		assert(h->unix_path);
	}
	h->watch = (struct watch){ MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
	                           http_readable };
	h->timer.fire = http_timeout;
	loop_watch(h->loop, &h->watch, EPOLLIN);
	http_say_started(h, s->http_host, &at);
	return h;
}

void http_stop(struct http *h)
{
	if (!h)
		return;
	loop_unwatch(h->loop, &h->watch);
	while (h->suspended)            /* the daemon refuses to end on suspended ones */
		request_resume(h->suspended);
	MHD_stop_daemon(h->daemon);
	timer_stop(h->loop, &h->timer);
	if (h->unix_path)
		unlink(h->unix_path);
	free(h->unix_path);
	free(h);
}
