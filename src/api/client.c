/* client.c - connected clients of the API: when one leaves, and which one is evicted.
 *
 * A connection that sends nothing, a request that comes a byte a minute, an answer or a stream that
 * nobody reads: each takes a place, and there are CLIENTS_MAX of them. When all are taken, the
 * client is evicted that has kept the server waiting longest: for a request, for the rest of one,
 * or for room to send an answer. No client can keep its place by what it sends. In this order:
 *
 *	waited    it sends nothing, or takes no answer
 *	stream    it reads an endless stream
 *	asking    it has sent something that libmicrohttpd has not read yet
 *	working   its request is being worked on */
#include "api/client.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"

enum { CLIENT_GONE = 1 };               /* seconds to answer a client that has closed its side */

struct client {
	struct mail mail;               /* frees it, when no event of this turn can be for it */
	struct watch watch;
	struct clients *all;
	struct client *next, **link;
	struct http *http;
	struct MHD_Connection *connection;
	struct request *request;        /* from its first line to the end of its answer; or NULL */
	bool evicted;
};

static void client_list(struct client *c)
{
	c->next = NULL;
	c->link = c->all->last;
	*c->link = c;
	c->all->last = &c->next;
}

static void client_unlist(struct client *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	else
		c->all->last = c->link;
}

/* libmicrohttpd misses an end of stream that comes together with the last bytes, and one that comes
 * while a request is suspended. So the loop watches for it, too. */
static void client_gone(struct watch *w, unsigned events)
{
	struct client *c = OWNER(client, watch, w);
	struct request *r = c->request;

	MHD_set_connection_option(c->connection, MHD_CONNECTION_OPTION_TIMEOUT,
	                          (unsigned)CLIENT_GONE);
	if (r && r->stream) {
		r->left = true;
		stream_wake(r->stream);
	}
	http_run_soon(c->http);
}

/* ---- which one ---- */

enum state { WAITED, STREAM, ASKING, WORKING, STATES };

/* It has sent something that libmicrohttpd has not read yet. */
static bool client_has_sent(const struct client *c)
{
	char byte;

	return recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static enum state client_state(const struct client *c)
{
	const struct request *r = c->request;

	if (!r)
		return client_has_sent(c) ? ASKING : WAITED;
	if (r->dispatched && !r->ready)
		return WORKING;
	return r->stream && r->stream->endless ? STREAM : WAITED;
}

/* NULL: all are evicted already. */
static struct client *client_idlest(struct clients *all)
{
	struct client *first[STATES] = { NULL };

	for (struct client *c = all->first; c; c = c->next) {
		enum state is = c->evicted ? STATES : client_state(c);
		if (is == WAITED)
			return c;
		if (is < STATES && !first[is])
			first[is] = c;
	}
	return first[STREAM] ? first[STREAM] : first[ASKING] ? first[ASKING] : first[WORKING];
}

/* libmicrohttpd reads the end, and closes the connection. */
static void client_evict(struct client *c)
{
	struct request *r = c->request;

	c->evicted = true;
	shutdown(c->watch.fd, SHUT_RDWR);
	if (r)
		request_abandon(r);
	http_run_soon(c->http);
}

void clients_evict(struct clients *all)
{
	struct client *c = client_idlest(all);

	if (c)
		client_evict(c);
}

bool clients_make_room(struct clients *all, const struct request *r)
{
	struct client *c = all->first;

	for (; c && !requests_fit(); c = c->next)
		if (!c->evicted && c->request && c->request != r && c->request->held
		    && client_state(c) != WORKING)
			client_evict(c);
	return requests_fit();
}

/* ---- life ---- */

void clients_init(struct clients *all)
{
	*all = (struct clients){ .last = &all->first };
}

struct client *client_new(struct clients *all, struct http *h, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *c = xcalloc(1, sizeof *c);

	if (++all->n > CLIENTS_MAX)
		clients_evict(all);
	c->all = all;
	c->http = h;
	c->connection = connection;
	c->watch = (struct watch){ info->connect_fd, client_gone };
	loop_watch(h->loop, &c->watch, EPOLLRDHUP | EPOLLET);
	client_list(c);
	return c;
}

static void client_forget(struct mail *m)
{
	free(OWNER(client, mail, m));
}

void client_free(struct client *c)
{
	c->all->n--;
	client_unlist(c);
	loop_unwatch(c->http->loop, &c->watch);
	c->watch.fd = -1;
	c->mail.open = client_forget;
	loop_defer(c->http->loop, &c->mail);
}

void client_awaited(struct client *c)
{
	client_unlist(c);
	client_list(c);
}

void client_set_request(struct client *c, struct request *r)
{
	c->request = r;
	if (!r)
		client_awaited(c);
}
