/* client.c - the API's clients: who leaves is noticed, and who only keeps others waiting makes room.
 *
 * A socket that was opened and never speaks, a request that comes a byte a minute, a stream that nobody
 * reads: each costs a place, and places are few. When none is left, the client goes that has waited
 * longest for nothing but itself; then the oldest of those that read a stream. */
#include "api/client.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"

enum { CLIENT_GONE = 1 };               /* seconds, for what a client that says no more is still owed */

struct client {
	struct mail mail;               /* frees it, when no event of this round can be for it */
	struct watch watch;
	struct clients *all;
	struct client *next, **back;
	struct loop *loop;
	struct http *http;
	struct MHD_Connection *connection;
	struct request *request;        /* under way; NULL: we wait for the client */
	bool put_out;
};

static void client_list(struct client *c)
{
	c->next = NULL;
	c->back = c->all->last;
	*c->back = c;
	c->all->last = &c->next;
}

static void client_unlist(struct client *c)
{
	*c->back = c->next;
	if (c->next)
		c->next->back = c->back;
	else
		c->all->last = c->back;
}

/* The daemon misses an end of stream that comes together with the last bytes, and one that comes while it
 * is we who have nothing to say. So we look for it, too. */
static void client_gone(struct watch *w, unsigned events)
{
	struct client *c = OWNER(client, watch, w);
	struct request *r = c->request;

	MHD_set_connection_option(c->connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)CLIENT_GONE);
	if (r && r->stream) {
		r->left = true;
		stream_wake(r->stream);
	}
	http_soon(c->http);
}

/* It has said something that the daemon has not read yet. */
static bool client_asks(const struct client *c)
{
	char byte;

	return recv(c->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The one to go for another's sake; NULL: all are at work. */
static struct client *client_least(struct clients *all)
{
	struct client *streaming = NULL;

	for (struct client *c = all->first; c; c = c->next) {
		if (c->put_out)
			continue;
		if (!c->request && !client_asks(c))
			return c;
		if (c->request && c->request->stream && !streaming)
			streaming = c;
	}
	return streaming;
}

static void client_make_room(struct clients *all)
{
	struct client *c = client_least(all);

	if (!c)
		return;
	c->put_out = true;
	shutdown(c->watch.fd, SHUT_RDWR);       /* the daemon closes it when it sees the end */
}

void clients_init(struct clients *all)
{
	*all = (struct clients){ .last = &all->first };
}

struct client *client_new(struct clients *all, struct loop *loop, struct http *h, struct MHD_Connection *connection)
{
	struct client *c = xcalloc(1, sizeof *c);
	if (++all->n > CLIENTS_MAX)
		client_make_room(all);
	c->all = all;
	c->loop = loop;
	c->http = h;
	c->connection = connection;
	c->watch = (struct watch){ MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, client_gone };
	loop_watch(loop, &c->watch, EPOLLRDHUP | EPOLLET);
	client_list(c);
	return c;
}

static void client_free(struct mail *m)
{
	free(OWNER(client, mail, m));
}

void client_drop(struct client *c)
{
	c->all->n--;
	client_unlist(c);
	loop_unwatch(c->loop, &c->watch);
	c->watch.fd = -1;
	c->mail.open = client_free;
	loop_defer(c->loop, &c->mail);
}

void client_takes(struct client *c, struct request *r)
{
	c->request = r;
	if (r)
		return;
	client_unlist(c);               /* it waits since now */
	client_list(c);
}
