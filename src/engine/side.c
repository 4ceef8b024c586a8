/* side.c - one socket of a connection: what is known of it, and how it is closed. */
#include "engine/side.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

void side_note(struct side *s, unsigned events)
{
	s->writable |= !!(events & EPOLLOUT);
	s->readable |= !!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->hup |= !!(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	s->broken |= !!(events & EPOLLERR);
}

void side_open(struct side *s)
{
	s->open = s->writable = true;
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

void side_close(struct conn *c, struct side *s, enum vn_end how, bool ended)
{
	int fd = s->watch.fd;

	if (fd < 0)
		return;
	s->watch.fd = -1;
	s->open = false;
	if (how == VN_RESET)
		socket_reset_on_close(fd);
	if (how == VN_RESET || ended || s->broken) {
		close(fd);
		return;
	}
	shutdown(fd, SHUT_WR);
	drain_start(&c->shard->worker->drains, fd);
}
