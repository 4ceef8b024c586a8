/* transport.h - bytes of a side: its plain socket, or the TLS over it.
 *
 * Pipes read, write and end their sides here, and here only, except that bulk is spliced between
 * plain sockets. A side without TLS costs one predicted branch. */
#ifndef ENGINE_TRANSPORT_H
#define ENGINE_TRANSPORT_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engine/engine.h"
#include "tls/link.h"

/* ---- with TLS ---- */

ssize_t transport_read_tls(struct pipe *, uint8_t *to, size_t n);
ssize_t transport_write_tls(struct pipe *, const struct iovec *, unsigned n);
bool transport_shut_tls(struct pipe *);

/* The socket has room, or something to read: what is stuck goes on. */
void transport_ready(struct conn *, struct side *);

/* After any call of the side's link: counts what is stuck as held, and the bytes of the wire. */
void transport_account(struct conn *, struct side *);

/* Before TLS. The first byte that waits in the socket: as recv() with MSG_PEEK. */
ssize_t transport_peek(struct side *, uint8_t *first);

/* Before TLS: adds what has come. As recv(). */
ssize_t transport_hear(struct side *, struct vn_buffer *);

/* Before TLS: sends a few bytes. False: not all of them. */
bool transport_say(struct side *, struct vn_span);

/* Before the socket is closed: says close_notify if that is due, and frees the link. */
void transport_end(struct conn *, struct side *, enum vn_end how);

/* ---- either ---- */

/* Wire bytes wait for room: the side is not writable until they are gone. */
static inline bool side_stuck(const struct side *s)
{
	return s->tls && s->stuck;
}

/* Notes the outcome of a read or write of a socket that failed with this errno. */
static inline void side_failed(struct side *s, int error)
{
	if (error != EAGAIN && error != EINTR)
		s->broken = true;
}

/* Reads as recv() does. The flags `readable` and `broken` are set. */
static inline ssize_t transport_read(struct pipe *p, uint8_t *to, size_t n)
{
	struct side *s = pipe_from(p);

	if (__builtin_expect(!!s->tls, 0))
		return transport_read_tls(p, to, n);
	ssize_t came = recv(s->watch.fd, to, n, MSG_DONTWAIT);
	if (came < 0) {
		s->readable = false;
		side_failed(s, errno);
	} else if (came && (size_t)came < n && !s->hup) {
		s->readable = false;
	}
	return came;
}

/* Writes as sendmsg() does. Less than all is written only if there is no more room. */
static inline ssize_t transport_write(struct pipe *p, const struct iovec *v, unsigned n)
{
	struct side *s = pipe_to(p);

	if (__builtin_expect(!!s->tls, 0))
		return transport_write_tls(p, v, n);
	int how = MSG_NOSIGNAL | MSG_DONTWAIT;
	if (n == 1)
		return send(s->watch.fd, v->iov_base, v->iov_len, how);
	struct msghdr m = { .msg_iov = (struct iovec *)v, .msg_iovlen = n };
	return sendmsg(s->watch.fd, &m, how);
}

/* Ends the stream to the side. False: something is stuck, and it must be called again. */
static inline bool transport_shut(struct pipe *p)
{
	if (pipe_to(p)->tls)
		return transport_shut_tls(p);
	shutdown(pipe_to(p)->watch.fd, SHUT_WR);
	return true;
}

#endif
