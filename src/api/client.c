/* client.c - connected clients of the API: when one leaves, and which one is evicted.
 *
 * A connection that sends nothing, a request that comes a byte a minute, a stream that nobody
 * reads: each takes a place, and there are CLIENTS_MAX of them. When all are taken, the client
 * is evicted that has kept the server waiting longest. If there is none, the oldest one that
 * reads a stream is. */
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
	struct request *request;        /* being answered; NULL: we wait for the client */
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

/* It has sent something that libmicrohttpd has not read yet. */
static bool client_has_sent(const struct client *c)
{
	char byte;

	return recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The one to evict; NULL: all are being answered. */
static struct client *client_idlest(struct clients *all)
{
	struct client *streaming = NULL;

	for (struct client *c = all->first; c; c = c->next) {
		if (c->evicted)
			continue;
		if (!c->request && !client_has_sent(c))
			return c;
		if (c->request && c->request->stream && !streaming)
			streaming = c;
	}
	return streaming;
}

static void client_evict(struct clients *all)
{
	struct client *c = client_idlest(all);

	if (!c)
		return;
	c->evicted = true;
	shutdown(c->watch.fd, SHUT_RDWR);       /* libmicrohttpd reads the end, and closes it */
}

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
		client_evict(all);
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

void client_set_request(struct client *c, struct request *r)
{
	c->request = r;
	if (r)
		return;
	client_unlist(c);               /* we wait for it from now on: it goes to the end */
	client_list(c);
}
