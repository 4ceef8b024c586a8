/* server.c - serves the control API: takes HTTP requests and gives each to its route.
 *
 * libmicrohttpd reads and writes, on the control thread's loop: its own epoll descriptor is one of
 * ours. It calls request_begin, and then request_take for each stage of a request:
 *
 *	first line    a struct request is made
 *	body, pieces  collected
 *	all read      dispatched to a route; answered at once, or suspended until its change is made
 *	resumed       answered
 */
#include "api/server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "api/client.h"
#include "base/memory.h"
#include "net/bind.h"
#include "api/request.h"

enum {
	BODY_MAX      = 1 << 20,        /* of a request, in bytes; more is a 413 ... */
	BODY_PATIENCE = 16 << 20,       /* ... said at its end, if that comes within so many */
	CLIENT_IDLE   = 60,             /* seconds */
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
	struct clients clients;
};

/* Let the daemon run again: in this round, not in this call. */
void http_soon(struct http *h)
{
	timer_set(h->loop, &h->timer, h->loop->now + 1);
}

struct control *http_control(struct http *h)
{
	return h->control;
}

struct request **http_suspended(struct http *h)
{
	return &h->suspended;
}

bool http_local(struct http *h)
{
	return h->local;
}

/* ---- taking requests ---- */

static bool request_collect(struct request *r, const char *bytes, size_t n)
{
	r->sent += n;
	if (r->sent > BODY_MAX)
		return r->sent <= BODY_PATIENCE;
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
	if (!request_check(r, version) || !(route = route_find(r, method)))
		return;
	if (r->dialect->check && !r->dialect->check(r))
		return;
	if (r->sent > BODY_MAX)
		request_error(r, 413, "body", "", "a body of at most 1048576 bytes was expected");
	else
		route->handle(r);
}

/* ---- libmicrohttpd's calls ---- */

static void client_notice(void *http, struct MHD_Connection *connection, void **client, enum MHD_ConnectionNotificationCode what)
{
	struct http *h = http;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*client = client_new(&h->clients, h->loop, h, connection);
	} else if (*client) {
		client_drop(*client);
		*client = NULL;
	}
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* A request's first line. What is returned is the state that the later calls get. */
static void *request_begin(void *http, const char *url, struct MHD_Connection *connection)
{
	return request_new(http, connection, url);
}

static enum MHD_Result request_take(void *http, struct MHD_Connection *connection, const char *url, const char *method,
                                    const char *version, const char *bytes, size_t *n, void **state)
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
		client_takes(client_of(connection), r);
		request_dispatch(r, method, version);
	}
	if (r->ready)
		return (enum MHD_Result)request_send(r);
	request_suspend(r);
	return MHD_YES;
}

static void request_completed(void *http, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	struct request *r = *state;

	*state = NULL;
	if (!r)
		return;
	client_takes(client_of(connection), NULL);
	r->connection = NULL;
	if (r->ready || !r->dispatched)
		request_free(r);        /* else whoever has it answers, and that frees it */
}

__attribute__((format(printf, 2, 0)))
static void http_complain(void *http, const char *format, va_list arguments)
{
	char line[ERROR_MAX];

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
		timer_set(h->loop, &h->timer, h->loop->now + (ms ? (vn_nsec)ms * VN_MS : 1));
}

static void http_readable(struct watch *w, unsigned events)
{
	http_run(OWNER(http, watch, w));
}

static void http_timeout(struct timer *t)
{
	http_run(OWNER(http, timer, t));
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

struct http *http_start(struct control *c, char error[ERROR_MAX])
{
	const struct settings *s = control_settings(c);
	struct endpoint at;
	int fd = bind_api(s->http_host, s->http_port, &at, error);

	if (fd < 0)
		return NULL;
	struct http *h = xcalloc(1, sizeof *h);
	h->control = c;
	h->loop = control_loop(c);
	clients_init(&h->clients);
	h->local = at.addr.ss_family != AF_UNIX && endpoint_loopback(&at);
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
	                             NULL, NULL, request_take, h,
	                             MHD_OPTION_EXTERNAL_LOGGER, http_complain, NULL,
	                             MHD_OPTION_LISTEN_SOCKET, fd,
	                             MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX * 2,
	                             MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_IDLE,
	                             MHD_OPTION_URI_LOG_CALLBACK, request_begin, h,
	                             MHD_OPTION_NOTIFY_CONNECTION, client_notice, h,
	                             MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL,
	                             MHD_OPTION_END);
	if (!h->daemon) {
		snprintf(error, ERROR_MAX, "The HTTP server did not start on %.150s", s->http_host);
		close(fd);
		free(h);
		return NULL;
	}
	if (at.addr.ss_family == AF_UNIX) {
		h->unix_path = xstrdup(s->http_host + 5);
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
