/* link_bio.c - the wire of a link: a BIO over the worker's buffers, and the socket behind them.
 *
 *   socket -> recv -> wire->in -> BIO read -> SSL -> plain bytes
 *   plain bytes -> SSL -> BIO write -> wire->out -> send -> socket
 *                                                -> stuck (no room)
 *
 * One recv and one send carry as many records as there are. The SSL never lacks room, so nothing of
 * it is ever tried again. The end of the stream is not shown to the SSL: it would answer with an
 * alert, and refuse to write to a peer that still reads. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "tls/link_ssl.h"
#include "tls/strike.h"

enum { SHAKEN_MAX = 65536 };            /* handshake bytes before our first answer */

/* ---- bytes that are kept ---- */

static void bytes_keep(struct bytes *b, const uint8_t *more, size_t n)
{
	size_t had = b->n - b->at;

	if (!n)
		return;
	uint8_t *p = xmalloc(had + n);
	if (had)
		memcpy(p, b->p + b->at, had);
	memcpy(p + had, more, n);
	free(b->p);
	*b = (struct bytes){ p, 0, had + n };
}

static void bytes_take(struct bytes *b, size_t n)
{
	b->at += n;
	if (b->at < b->n)
		return;
	free(b->p);
	*b = (struct bytes){ 0 };
}

/* ---- in ---- */

/* False: nothing has come. */
static bool link_receive(struct tls_link *l)
{
	struct tls_wire *w = l->wire;
	ssize_t n;

	if (l->received || l->drained || l->eof || l->broken)
		return false;
	n = recv(l->fd, w->in, w->bufsize, MSG_DONTWAIT);
	l->received = true;
	l->drained = n < (ssize_t)w->bufsize;
	l->empty = n <= 0;
	if (n > 0) {
		w->in_n = (size_t)n;
		l->wire_bytes += (uint64_t)n;
		return true;
	}
	if (n == 0)
		l->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		l->broken = true;
	return false;
}

/* At most `room` bytes that have come. */
static size_t link_take(struct tls_link *l, char *to, size_t room)
{
	struct tls_wire *w = l->wire;
	size_t n;

	if (l->left.n) {
		n = l->left.n - l->left.at < room ? l->left.n - l->left.at : room;
		memcpy(to, l->left.p + l->left.at, n);
		bytes_take(&l->left, n);
		return n;
	}
	if (w->in_at == w->in_n) {
		w->in_at = w->in_n = 0;
		if (!link_receive(l))
			return 0;
	}
	n = w->in_n - w->in_at < room ? w->in_n - w->in_at : room;
	memcpy(to, w->in + w->in_at, n);
	w->in_at += n;
	return n;
}

static int wire_read(BIO *b, char *to, int room)
{
	struct tls_link *l = BIO_get_data(b);
	size_t n = l->flooded || room <= 0 ? 0 : link_take(l, to, (size_t)room);

	BIO_clear_retry_flags(b);
	if (!n) {
		BIO_set_retry_read(b);
		return -1;
	}
	if (l->strike)
		tls_strike_reads(l->strike, l->ssl, (uint8_t *)to, n);
	if (!l->done && !l->answers) {
		l->shaken += (uint32_t)n;
		l->flooded = l->shaken > SHAKEN_MAX;
	}
	return (int)n;
}

/* ---- out ---- */

static int wire_write(BIO *b, const char *from, int n)
{
	struct tls_link *l = BIO_get_data(b);
	struct vn_span bytes = { (const uint8_t *)from, n > 0 ? (size_t)n : 0 };

	BIO_clear_retry_flags(b);
	if (l->mute)
		return n;
	if (l->strike)
		bytes = tls_strike_wrote(l->strike, l->ssl, bytes);
	if (bytes.n)
		vn_buffer_put(&l->wire->out, bytes.p, bytes.n);
	return n;
}

/* Returns how many of these bytes the socket has taken. */
static size_t link_send(struct tls_link *l, const uint8_t *bytes, size_t n)
{
	size_t sent = 0;

	if (l->strike)
		n = tls_strike_allows(l->strike, n);
	while (sent < n && !l->broken) {
		ssize_t m = send(l->fd, bytes + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (m > 0)
			sent += (size_t)m;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			l->broken = true;
	}
	l->wire_bytes += sent;
	if (l->strike)
		tls_strike_left(l->strike, sent);
	return sent;
}

void link_flush(struct tls_link *l)
{
	struct tls_wire *w = l->wire;
	struct vn_buffer *out = &w->out;

	bytes_keep(&l->left, w->in + w->in_at, w->in_n - w->in_at);
	w->in_at = w->in_n = 0;
	if (!out->n)
		return;
	l->answers = true;
	size_t sent = l->stuck.n ? 0 : link_send(l, out->p, out->n);
	if (!l->broken)
		bytes_keep(&l->stuck, out->p + sent, out->n - sent);
	buffer_clear(out);
}

bool link_send_stuck(struct tls_link *l)
{
	struct bytes *s = &l->stuck;

	if (s->n)
		bytes_take(s, link_send(l, s->p + s->at, s->n - s->at));
	return !s->n && !l->broken;
}

void link_keep(struct tls_link *l, const uint8_t *bytes, size_t n)
{
	bytes_keep(&l->left, bytes, n);
}

/* ---- the BIO ---- */

static long wire_ctrl(BIO *b, int what, long n, void *p)
{
	return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");

	if (!m)
		memory_out();
	BIO_meth_set_read(m, wire_read);
	BIO_meth_set_write(m, wire_write);
	BIO_meth_set_ctrl(m, wire_ctrl);
	return m;
}

/* Workers share it. */
static BIO_METHOD *method;
static CRYPTO_ONCE method_once = CRYPTO_ONCE_STATIC_INIT;

static void method_make(void)
{
	method = wire_method();
}

BIO *link_bio(struct tls_link *l)
{
	if (!CRYPTO_THREAD_run_once(&method_once, method_make))
		return NULL;
	BIO *b = BIO_new(method);

	if (!b)
		return NULL;
	BIO_set_data(b, l);
	BIO_set_init(b, 1);
	return b;
}
