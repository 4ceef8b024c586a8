/* transport.c - bytes of a side: the TLS over its socket. */
#include "engine/transport.h"

#include "base/log.h"
#include "base/memory.h"
#include "engine/tls_told.h"

enum { WRITE_MAX = 262144 };            /* plain bytes whose records are sent together */

void transport_account(struct conn *c, struct side *s)
{
	size_t stuck = tls_link_stuck(s->tls);

	if (stuck != s->stuck)
		shard_held_add(c->shard, (ptrdiff_t)stuck - (ptrdiff_t)s->stuck);
	s->stuck = (uint32_t)stuck;
	if (stuck)
		s->writable = false;
	stats_add(&c->shard->stats, STAT_TLS_WIRE, tls_link_wire_bytes(s->tls));
}

/* The link has failed, and its alert has been sent. */
static void transport_fails(struct conn *c, struct side *s)
{
	bool client = s == &c->client;

	s->readable = s->writable = false;
	tls_told_failed(c, client ? VN_LEG_CLIENT : VN_LEG_BACKEND, tls_link_failure(s->tls),
	                tls_link_why(s->tls));
	conn_doom(c, VN_CLOSE, client ? CLOSE_REASON_CLIENT_TLS : CLOSE_REASON_BACKEND_TLS);
}

/* ---- before TLS ---- */

static ssize_t side_received(struct side *s, ssize_t n)
{
	if (n < 0) {
		s->readable = false;
		side_failed(s, errno);
	}
	return n;
}

ssize_t transport_peek(struct side *s, uint8_t *first)
{
	return side_received(s, recv(s->watch.fd, first, 1, MSG_DONTWAIT | MSG_PEEK));
}

ssize_t transport_hear(struct side *s, struct vn_buffer *to)
{
	uint8_t bytes[4096];
	ssize_t n = side_received(s, recv(s->watch.fd, bytes, sizeof bytes, MSG_DONTWAIT));

	if (n > 0)
		vn_buffer_put(to, bytes, (size_t)n);
	return n;
}

bool transport_say(struct side *s, struct vn_span bytes)
{
	return send(s->watch.fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)bytes.n;
}

/* ---- read ---- */

/* The peer has ended its stream without close_notify, so the rest of it may be missing. The other
 * side gets no close_notify either. */
static void transport_cut(struct conn *c, struct side *s)
{
	s->cut = true;
	tls_told_truncated(c, s == &c->client ? VN_LEG_CLIENT : VN_LEG_BACKEND);
}

ssize_t transport_read_tls(struct pipe *p, uint8_t *to, size_t n)
{
	struct side *s = pipe_from(p);
	size_t came;
	enum tls_did did = tls_link_read(s->tls, to, n + TLS_SLACK, &came);

	transport_account(p->conn, s);
	s->readable = !tls_link_drained(s->tls, s->hup);
	switch (did) {
	case TLS_DONE:
		return (ssize_t)came;
	case TLS_END:
		return 0;
	case TLS_CUT:
		transport_cut(p->conn, s);
		return 0;
	case TLS_RESET:
		s->broken = true;
		break;
	case TLS_FAILED:
		transport_fails(p->conn, s);
		break;
	default:
		if (s->readable)
			conn_later(p->conn);    /* much has come, but no plain bytes */
		break;
	}
	errno = EAGAIN;
	return -1;
}

/* ---- write ---- */

/* Parcels that are written together share records: they are copied together. Returns how many of
 * them are in *all, at least one. */
static unsigned transport_gather(struct worker *w, const struct iovec *v, unsigned n,
                                 struct iovec *all)
{
	unsigned i = 0;

	*all = *v;
	if (n == 1 || v->iov_len >= WRITE_MAX)
		return 1;
	buffer_clear(&w->gather);
	for (; i < n && w->gather.n < WRITE_MAX; i++)
		vn_buffer_put(&w->gather, v[i].iov_base, v[i].iov_len);
	*all = (struct iovec){ w->gather.p, w->gather.n };
	return i;
}

/* Writes until all is taken, or something is stuck. -1: it failed, as errno says. */
static ssize_t transport_put(struct pipe *p, struct side *s, struct iovec all)
{
	size_t taken = 0;

	while (!s->stuck && taken < all.iov_len) {
		size_t most = all.iov_len - taken < WRITE_MAX ? all.iov_len - taken : WRITE_MAX;
		enum tls_did did =
			tls_link_write(s->tls, (uint8_t *)all.iov_base + taken, most);
		transport_account(p->conn, s);
		if (did == TLS_DONE) {
			taken += most;
			continue;
		}
		if (did == TLS_FAILED)
			transport_fails(p->conn, s);
		errno = did == TLS_FAILED ? EAGAIN : EPIPE;
		return -1;
	}
	return (ssize_t)taken;
}

ssize_t transport_write_tls(struct pipe *p, const struct iovec *v, unsigned n)
{
	struct side *s = pipe_to(p);
	ssize_t taken = 0;

	for (unsigned i = 0; i < n && !s->stuck;) {
		struct iovec all;
		i += transport_gather(worker_of(p), v + i, n - i, &all);
		ssize_t m = transport_put(p, s, all);
		if (m < 0)
			return -1;
		taken += m;
	}
	errno = EAGAIN;
	return taken ? taken : -1;
}

void transport_ready(struct conn *c, struct side *s)
{
	if (!s->stuck || !s->writable)
		return;
	if (tls_link_flush(s->tls) == TLS_RESET)
		s->broken = true;
	transport_account(c, s);
	c->again = true;
}

/* ---- end ---- */

bool transport_shut_tls(struct pipe *p)
{
	struct side *s = pipe_to(p);

	if (s->stuck && !s->broken)
		return false;
	if (pipe_from(p)->cut)
		s->curt = true;
	if (!s->curt)
		tls_link_bye(s->tls);
	transport_account(p->conn, s);
	if (s->stuck && !s->broken)
		return false;
	tls_link_shut(s->tls);
	return true;
}

void transport_end(struct conn *c, struct side *s, enum vn_end how)
{
	if (how == VN_CLOSE && !s->curt && !s->broken && !s->stuck)
		tls_link_bye(s->tls);
	transport_account(c, s);
	shard_held_add(c->shard, -(ptrdiff_t)s->stuck);
	s->stuck = 0;
	tls_link_free(s->tls);
	s->tls = NULL;
}
