/* server.c - the HTTP server of the control API: libmicrohttpd on the control thread's loop.
 *
 * We accept; libmicrohttpd reads and writes, and its epoll descriptor is watched by our loop. It
 * calls request_begin, and then request_take for each stage of a request:
 *
 *	first line    a struct request is made
 *	headers       a request that may not be served is answered: its body is not kept
 *	body, pieces  kept
 *	all read      the route's handler is called; the request is answered at once, or suspended
 *	resumed       answered */
#include "api/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/auth.h"
#include "api/client.h"
#include "api/pieces.h"
#include "api/request.h"
#include "api/router.h"
#include "api/ui.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/announce.h"
#include "net/bind.h"
#include "net/socket.h"
#include "net/unix_socket.h"

enum {
	CLIENT_IDLE     = 60,           /* seconds */
	CONNECTIONS_MAX = CLIENTS_MAX * 2,      /* with those evicted and not closed yet */
	API_PORT        = 8080,         /* where vaurienctl looks if nothing else is said */
	AT_ONCE         = 32,           /* accepted in one turn of the loop */
};

#define RETRY (100 * VN_MS)             /* until we accept again */

struct server {
	struct http http;               /* what requests see */
	struct MHD_Daemon *daemon;
	struct watch watch;             /* the daemon's epoll descriptor */
	struct watch listener;
	struct timer retry;             /* set: the listener is not watched until then */
	int spare;                      /* a descriptor kept for a client when there is no other;
	                                   -1: a client has it */
	char *unix_path;                /* to unlink at the end; NULL: none */
	struct unix_file unix_file;     /* ... if it is still this one */
	struct clients clients;
	char url[160];                  /* "http://HOST:PORT"; "": a socket file */
};

/* ---- taking requests ---- */

static void request_dispatch(struct request *r, const char *method)
{
	const struct route *route;

	r->dispatched = true;
	if (r->ready || ui_redirects(r, method) || !(route = route_find(r, method)))
		return;
	if (r->dialect->check && !r->dialect->check(r))
		return;
	if (r->sent > BODY_MAX)
		request_error(r, 413, "body", "", "a body of at most 1048576 bytes was expected");
	else if (r->full || requests_too_many())
		request_error(r, 503, "body", "", "too many requests are under way: try again");
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
	struct request *r = request_new(&((struct server *)server)->http, connection, url);

	client_set_request(client_of(connection), r);
	return r;
}

static enum MHD_Result request_take(void *server, struct MHD_Connection *connection,
                                    const char *url, const char *method, const char *version,
                                    const char *bytes, size_t *n, void **state)
{
	struct request *r = *state;

	if (r->left)
		return MHD_NO;
	if (!r->begun) {
		r->begun = true;
		/* if it answers, that is sent when the body was read */
		auth_check(r, method, version);
		return MHD_YES;
	}
	if (*n) {
		bool good = request_collect(r, bytes, *n);
		*n = 0;
		return good ? MHD_YES : MHD_NO;
	}
	if (!r->dispatched)
		request_dispatch(r, method);
	if (!r->ready) {
		request_suspend(r);
		return MHD_YES;
	}
	client_awaited(client_of(connection));
	return (enum MHD_Result)request_send(r);
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

static void spare_open(struct server *s)
{
	if (s->spare < 0)
		s->spare = fcntl(s->listener.fd, F_DUPFD_CLOEXEC, 3);
}

static void server_run(struct server *s)
{
	struct loop *loop = s->http.loop;
	MHD_UNSIGNED_LONG_LONG ms;

	pieces_turn(&s->http);
	MHD_run(s->daemon);
	spare_open(s);
	if (s->http.turns.first)
		http_run_soon(&s->http);
	else if (MHD_get_timeout(s->daemon, &ms) != MHD_YES)
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

/* ---- accepting ---- */

static void listener_pause(struct server *s)
{
	loop_unwatch(s->http.loop, &s->listener);
	timer_set(s->http.loop, &s->retry, s->http.loop->now + RETRY);
}

static void listener_resume(struct timer *t)
{
	struct server *s = OWNER(server, retry, t);

	loop_watch(s->http.loop, &s->listener, EPOLLIN);
}

/* There is no descriptor for a client. The client that we have waited for longest makes room; the
 * spare one serves until then. False: it is in use already. */
static bool spare_use(struct server *s)
{
	clients_evict(&s->clients);
	if (s->spare < 0)
		return false;
	close(s->spare);
	s->spare = -1;
	return true;
}

/* 0, or an errno. libmicrohttpd closes the descriptor, whatever happens. */
static int client_accept(struct server *s)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof from;
	int fd = accept4(s->listener.fd, (struct sockaddr *)&from, &n,
	                 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return errno;
	MHD_add_connection(s->daemon, fd, (struct sockaddr *)&from, n);
	return 0;
}

static void listener_ready(struct watch *w, unsigned events)
{
	struct server *s = OWNER(server, listener, w);
	int error = 0;

	http_run_soon(&s->http);
	for (int i = 0; i < AT_ONCE && !error && s->clients.n < CONNECTIONS_MAX; i++) {
		error = client_accept(s);
		if (socket_none_left(error) && spare_use(s))
			error = client_accept(s);
	}
	if (socket_none_left(error))
		listener_pause(s);
}

/* ---- start and stop ---- */

/* By which options vaurienctl, on this machine, finds the API. */
static void options_show(const struct server *s, const char *where, const struct endpoint *at,
                         char *options, size_t size)
{
	const char *host = control_settings(s->http.control)->http_host;
	bool near = !strcmp(host, "localhost") || !strcmp(host, "127.0.0.1");

	if (near && endpoint_port(at) == API_PORT)
		*options = 0;
	else if (near)
		snprintf(options, size, " --http-port %d", endpoint_port(at));
	else
		snprintf(options, size, " --host %s", where);
}

static void log_started(struct server *s, const char *host, const struct endpoint *at)
{
	char shown[160], where[512], options[600];
	bool is_unix = at->addr.ss_family == AF_UNIX;
	bool bare = strchr(host, ':') && host[0] != '[';        /* an IPv6 address */

	if (is_unix)
		snprintf(where, sizeof where, "%s", host);
	else
		snprintf(where, sizeof where, "http://%s%s%s:%d", bare ? "[" : "", host,
		         bare ? "]" : "", endpoint_port(at));
	if (!is_unix)
		snprintf(s->url, sizeof s->url, "%.150s", where);
	options_show(s, where, at, options, sizeof options);
	announce_api(control_settings(s->http.control), where, options);
	if (is_unix)
		return;
	if (!s->http.local)
		log_warning("The HTTP server listens on %s:"
		            " anyone who reaches it can change this proxy",
		            endpoint_show(at, shown, sizeof shown));
}

static bool make_room(struct http *h, const struct request *r)
{
	return clients_make_room(&OWNER(server, http, h)->clients, r);
}

static struct MHD_Daemon *daemon_start(struct server *s)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME
	                        | MHD_USE_ERROR_LOG, 0, NULL, NULL, request_take, s,
	                        MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_IDLE,
	                        MHD_OPTION_URI_LOG_CALLBACK, request_begin, s,
	                        MHD_OPTION_NOTIFY_CONNECTION, client_notice, s,
	                        MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
	                        MHD_OPTION_END);
}

static void server_free(struct server *s)
{
	if (s->spare >= 0)
		close(s->spare);
	close(s->listener.fd);
	unix_file_unlink(&s->unix_file, s->unix_path);
	free(s->unix_path);
	free(s);
}

static struct server *server_make(struct control *c, int fd, const struct endpoint *at)
{
	struct server *s = xcalloc(1, sizeof *s);
	const char *host = control_settings(c)->http_host;
	bool is_unix = at->addr.ss_family == AF_UNIX;

	s->http = (struct http){
		.control = c, .loop = control_loop(c), .timer.fire = server_timeout,
		.make_room = make_room, .local = !is_unix && endpoint_loopback(at),
	};
	s->listener = (struct watch){ fd, listener_ready };
	s->retry.fire = listener_resume;
	s->unix_path = is_unix ? xstrdup(host + strlen("unix:")) : NULL;
	unix_file_note(&s->unix_file, fd, s->unix_path);
	clients_init(&s->clients);
	s->spare = -1;
	spare_open(s);
	s->daemon = s->spare >= 0 ? daemon_start(s) : NULL;
	if (s->daemon)
		return s;
	server_free(s);
	return NULL;
}

struct server *server_start(struct control *c, char error[ERROR_MAX])
{
	const struct settings *settings = control_settings(c);
	struct endpoint at;
	int fd = bind_api(settings->http_host, settings->http_port, &at, error);

	if (fd < 0)
		return NULL;
	struct server *s = server_make(c, fd, &at);
	if (!s) {
		error_format(error, "The HTTP server did not start on %.150s: %s",
		             settings->http_host, strerror(errno));
		return NULL;
	}
	s->watch = (struct watch){
		MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, server_readable,
	};
	if (!loop_watch(s->http.loop, &s->watch, EPOLLIN)
	    || !loop_watch(s->http.loop, &s->listener, EPOLLIN)) {
		error_format(error, "The HTTP server did not start on %.150s: %s",
		             settings->http_host, strerror(errno));
		server_stop(s);
		return NULL;
	}
	log_started(s, settings->http_host, &at);
	return s;
}

const char *server_url(const struct server *s)
{
	return s && *s->url ? s->url : NULL;
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	if (!s->retry.slot)
		loop_unwatch(s->http.loop, &s->listener);
	timer_stop(s->http.loop, &s->retry);
	loop_unwatch(s->http.loop, &s->watch);
	while (s->http.suspended)       /* the daemon cannot stop while a connection is suspended */
		request_resume(s->http.suspended);
	MHD_stop_daemon(s->daemon);
	timer_stop(s->http.loop, &s->http.timer);
	server_free(s);
}
