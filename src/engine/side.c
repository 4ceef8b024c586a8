/* side.c - one socket of a connection: its known state, and how it is closed. */
#include "engine/side.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/transport.h"
#include "net/socket.h"

#define RESET_GRACE (20 * VN_MS)        /* no reset earlier than this after accept: drain.h */

void side_note(struct side *s, unsigned events)
{
	s->writable |= !!(events & EPOLLOUT);
	s->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->hup |= !!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->broken |= !!(events & EPOLLERR);
}

const char *side_peer(const struct side *s, char *buffer, size_t size)
{
	struct endpoint e;

	if (socket_peer(s->watch.fd, &e))
		endpoint_show(&e, buffer, size);
	else
		snprintf(buffer, size, "gone");
	return buffer;
}

/* True if the client may not know yet that it is connected. */
static bool conn_is_new(struct conn *c)
{
	return conn_loop(c)->now - c->since < RESET_GRACE && !c->request.came &&
	       !c->request.eof && !c->client.hup;
}

/* True if it is to be drained. */
static bool side_shut(struct conn *c, struct side *s, enum vn_end how, bool ended)
{
	int fd = s->watch.fd;

	if (fd < 0)
		return false;
	if (s->tls) {
		transport_end(c, s, how);
		ended = ended && s->hup;        /* close_notify was read, but no FIN */
	}
	s->watch.fd = -1;
	s->open = false;
	if (how == VN_RESET && s == &c->client && conn_is_new(c)) {
		drain_reset(&c->shard->worker->drains, fd,
		            c->since + RESET_GRACE - conn_loop(c)->now);
		return false;
	}
	if (how == VN_RESET)
		socket_reset_on_close(fd);
	if (how == VN_RESET || ended || s->broken) {
		close(fd);
		return false;
	}
	shutdown(fd, SHUT_WR);
	return true;
}

void side_close(struct conn *c, struct side *s, enum vn_end how, bool ended,
                struct drain_note *note)
{
	int fd = s->watch.fd;

	if (side_shut(c, s, how, ended))
		drain_start(&c->shard->worker->drains, fd, note);
	else if (note)
		note->over(note, ended);
}
