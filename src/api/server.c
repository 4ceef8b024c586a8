/* server.c - the HTTP server of the control API: libmicrohttpd on the control thread's loop.
 *
 * libmicrohttpd reads and writes; its epoll descriptor is watched by our loop. It calls
 * request_begin, and then request_take for each stage of a request:
 *
 *	first line    a struct request is made
 *	body, pieces  kept
 *	all read      the route's handler is called; the request is answered at once, or suspended
 *	resumed       answered */
#include "api/server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/client.h"
#include "api/request.h"
#include "api/router.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/bind.h"

enum {
	BODY_MAX    = 1 << 20,          /* bytes of a body; more is a 413 ... */
	BODY_READ   = 16 << 20,         /* ... sent at the body's end, if that comes by then */
	CLIENT_IDLE = 60,               /* seconds */
};

struct server {
	struct http http;               /* what requests see */
	struct MHD_Daemon *daemon;
	struct watch watch;             /* the daemon's epoll descriptor */
	char *unix_path;                /* to unlink at the end; NULL: none */
	struct clients clients;
};

/* ---- taking requests ---- */

static bool request_collect(struct request *r, const char *bytes, size_t n)
{
	r->sent += n;
	if (r->sent > BODY_MAX)
		return r->sent <= BODY_READ;
	if (r->n + n > r->room) {
		r->room = (r->n + n) * 2;
		r->body = xrealloc(r->body, r->room);
	}
	memcpy(r->body + r->n, bytes, n);
	r->n += n;
	return true;
}

static void request_dispatch(struct request *r, const char *method, const char *version)
{
	const struct route *route;

	r->dispatched = true;
	if (!auth_check(r, version) || !(route = route_find(r, method)))
		return;
	if (r->dialect->check && !r->dialect->check(r))
		return;
	if (r->sent > BODY_MAX)
		request_error(r, 413, "body", "", "a body of at most 1048576 bytes was expected");
	else
		route->handle(r);
}

/* ---- libmicrohttpd's calls ---- */

static void client_notice(void *server, struct MHD_Connection *connection, void **client,
                          enum MHD_ConnectionNotificationCode what)
{
	struct server *s = server;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*client = client_new(&s->clients, &s->http, connection);
	} else if (*client) {
		client_free(*client);
		*client = NULL;
	}
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection,
	                               MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* A request's first line. The result is the `state` of the later calls. */
static void *request_begin(void *server, const char *url, struct MHD_Connection *connection)
{
	return request_new(&((struct server *)server)->http, connection, url);
}

static enum MHD_Result request_take(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *bytes, size_t *n, void **state)
{
	struct request *r = *state;

	if (!r->begun) {
		r->begun = true;
		return MHD_YES;
	}
	if (*n) {
		bool good = request_collect(r, bytes, *n);
		*n = 0;
		return good ? MHD_YES : MHD_NO;
	}
	if (!r->dispatched) {
		client_set_request(client_of(connection), r);
		request_dispatch(r, method, version);
	}
	if (r->ready)
		return (enum MHD_Result)request_send(r);
	request_suspend(r);
	return MHD_YES;
}

static void request_completed(void *server, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;

	*state = NULL;
	if (!r)
		return;
	client_set_request(client_of(connection), NULL);
	r->connection = NULL;
	if (r->ready || !r->dispatched)
		request_free(r);        /* else its handler will answer, which frees it */
}

__attribute__((format(printf, 2, 0)))
static void log_message(void *server, const char *format, va_list arguments)
{
	char line[ERROR_MAX];

	vsnprintf(line, sizeof line, format, arguments);
	line[strcspn(line, "\n")] = 0;
	log_debug("http: %s", line);
}

/* ---- libmicrohttpd on our loop ---- */

static void server_run(struct server *s)
{
	struct loop *loop = s->http.loop;
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(s->daemon);
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
		timer_stop(loop, &s->http.timer);
	else                            /* not in this turn of the loop: others come first */
		timer_set(loop, &s->http.timer, loop->now + (ms ? (vn_nsec)ms * VN_MS : 1));
}

static void server_readable(struct watch *w, unsigned events)
{
	server_run(OWNER(server, watch, w));
}

static void server_timeout(struct timer *t)
{
	server_run(OWNER(server, http.timer, t));
}

/* ---- start and stop ---- */

static void log_started(const struct server *s, const char *host, const struct endpoint *at)
{
	char shown[160];

	if (at->addr.ss_family == AF_UNIX) {
		log_info("Started the HTTP server: %s", host);
		return;
	}
	bool bare = strchr(host, ':') && host[0] != '[';        /* an IPv6 address */
	log_info("Started the HTTP server: http://%s%s%s:%d", bare ? "[" : "", host,
	         bare ? "]" : "", endpoint_port(at));
	if (!s->http.local)
		log_warning("The HTTP server listens on %s:"
		            " whoever reaches it can change this proxy",
		            endpoint_show(at, shown, sizeof shown));
}

static struct MHD_Daemon *daemon_start(struct server *s, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	                        NULL, NULL, request_take, s,
	                        MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL,
	                        MHD_OPTION_LISTEN_SOCKET, fd,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX * 2,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_IDLE,
	                        MHD_OPTION_URI_LOG_CALLBACK, request_begin, s,
	                        MHD_OPTION_NOTIFY_CONNECTION, client_notice, s,
	                        MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
	                        MHD_OPTION_END);
}

struct server *server_start(struct control *c, char error[ERROR_MAX])
{
	const struct settings *settings = control_settings(c);
	struct endpoint at;
	int fd = bind_api(settings->http_host, settings->http_port, &at, error);

	if (fd < 0)
		return NULL;
	bool is_unix = at.addr.ss_family == AF_UNIX;
	struct server *s = xcalloc(1, sizeof *s);
	s->http = (struct http){
		.control = c, .loop = control_loop(c), .timer.fire = server_timeout,
		.local = !is_unix && endpoint_loopback(&at),
	};
	clients_init(&s->clients);
	s->daemon = daemon_start(s, fd);
	if (!s->daemon) {
		error_format(error, "The HTTP server did not start on %.150s", settings->http_host);
		close(fd);
		free(s);
		return NULL;
	}
	s->unix_path = is_unix ? xstrdup(settings->http_host + strlen("unix:")) : NULL;
	s->watch = (struct watch){
		MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, server_readable,
	};
	loop_watch(s->http.loop, &s->watch, EPOLLIN);
	log_started(s, settings->http_host, &at);
	return s;
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	loop_unwatch(s->http.loop, &s->watch);
	while (s->http.suspended)       /* the daemon cannot stop while a connection is suspended */
		request_resume(s->http.suspended);
	MHD_stop_daemon(s->daemon);
	timer_stop(s->http.loop, &s->http.timer);
	if (s->unix_path)
		unlink(s->unix_path);
	free(s->unix_path);
	free(s);
}
