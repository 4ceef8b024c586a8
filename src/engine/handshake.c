/* handshake.c - the time before a side is open: TLS begins on the two legs of a connection. */
#include "engine/handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/conn_hello.h"
#include "engine/pipe.h"
#include "engine/tls_told.h"
#include "engine/transport.h"
#include "tls/context.h"

enum {
	SAID_MAX = 65536,               /* bytes of a backend's preamble */
	HANDSHAKE_RECORD = 0x16,        /* the first byte of a ClientHello */
};

enum leg_state {
	LEG_NONE,                       /* nothing to do */
	LEG_SILENT,                     /* the client's first byte has not come */
	LEG_TALKS,                      /* the backend's preamble, in plain text */
	LEG_WAITS,                      /* the backend's handshake needs the client's hello */
	LEG_HELD,                       /* it is requested; rules hold it back */
	LEG_QUEUED,                     /* it is requested; bytes before it are still to be sent */
	LEG_SHAKES,
};

struct leg {
	enum leg_state state;
	bool plain;                     /* the client must begin with TLS, and does not */
	vn_nsec since;                  /* when its time-out began; 0: it has none */
	struct vn_buffer early;         /* bytes that were read, and belong to its handshake */
};

struct handshake {
	struct conn *conn;
	struct leg client, backend;
	struct timer timer;             /* for the earlier time-out */
	bool heard;                     /* the client's hello, whose names follow */
	char name[TLS_NAME_MAX + 1], alpn[1024];
	char chosen[256];               /* by the backend, and so for the client */
	struct vn_buffer said, out, kept;       /* the backend's preamble: see secure() */
	struct vn_buffer ready;         /* LEG_HELD: what goes out before the handshake */
};

static void handshake_fire(struct timer *t)
{
	conn_later(OWNER(handshake, timer, t)->conn);
}

static struct handshake *handshake_of(struct conn *c)
{
	if (!c->shake) {
		c->shake = xcalloc(1, sizeof *c->shake);
		c->shake->conn = c;
		c->shake->timer.fire = handshake_fire;
	}
	return c->shake;
}

void handshake_free(struct conn *c)
{
	struct handshake *h = c->shake;

	if (!h)
		return;
	timer_stop(conn_loop(c), &h->timer);
	buffer_free(&h->client.early);
	buffer_free(&h->backend.early);
	buffer_free(&h->said);
	buffer_free(&h->out);
	buffer_free(&h->kept);
	buffer_free(&h->ready);
	free(h);
	c->shake = NULL;
}

static struct side *side_of(struct conn *c, const struct leg *l)
{
	return l == &c->shake->client ? &c->client : &c->backend;
}

static unsigned bit_of(const struct conn *c, const struct leg *l)
{
	return l == &c->shake->client ? VN_LEG_CLIENT : VN_LEG_BACKEND;
}

/* ---- a leg is ready, or fails ---- */

static void leg_fails(struct conn *c, struct leg *l, const char *reason, const char *why)
{
	unsigned leg = bit_of(c, l);

	l->state = LEG_NONE;
	tls_told_failed(c, leg, reason, why);
	conn_doom(c, leg == VN_LEG_CLIENT ? VN_CLOSE : VN_RESET,
	          leg == VN_LEG_CLIENT ? CLOSE_REASON_CLIENT_TLS : CLOSE_REASON_BACKEND_TLS);
}

/* A pipe that waited for this handshake cuts on. */
static void pipe_after_handshake(struct pipe *p)
{
	if (!p->shakes)
		return;
	p->shakes = false;
	pipe_work_acquire(p);
	p->work->halted = false;
	p->work->resumes = true;
}

/* What the backend said before its handshake, as far as the client must see it, is read again. */
static void kept_show(struct conn *c)
{
	struct vn_buffer *kept = &c->shake->kept;
	struct pipe *p = &c->response;

	if (!kept->n)
		return;
	pipe_work_acquire(p);
	p->work->unparsed = xmalloc(kept->n < UNPARSED_MAX ? UNPARSED_MAX : kept->n);
	memcpy(p->work->unparsed, kept->p, kept->n);
	p->work->unparsed_n = kept->n;
	p->work->resumes = true;
	buffer_clear(kept);
}

/* The side is open: with TLS if it has a link. */
static void leg_opens(struct conn *c, struct leg *l)
{
	struct side *s = side_of(c, l);

	l->state = LEG_NONE;
	s->open = true;
	s->writable = !side_stuck(s);
	c->active = conn_loop(c)->now;
	c->again = true;
	if (s->tls) {
		s->readable |= !tls_link_drained(s->tls, s->hup);
		c->secure |= bit_of(c, l);
		tls_told_done(c, bit_of(c, l), l->since);
		c->bound = c->client.tls && c->backend.tls && c->client.open && c->backend.open &&
		           tls_link_alike(c->client.tls, c->backend.tls);
	}
	session_forget(c);
	if (s == &c->backend)
		kept_show(c);
	pipe_after_handshake(&c->request);
	pipe_after_handshake(&c->response);
}

/* ---- the handshake ---- */

/* Does the backend's handshake decide how the client's is answered? */
static bool backend_decides(const struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);

	return s->backend_tls && tls_dial_waits(s->backend_tls, s) &&
	       !(c->secure & VN_LEG_BACKEND) && !conn_protocol(c)->secure;
}

static bool chosen_by_backend(const struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);

	return c->secure & VN_LEG_BACKEND && !s->client_tls->alpn &&
	       (s->backend_tls->alpn_client || !conn_protocol(c)->alpn);
}

/* The judge of a ClientHello. */
static enum tls_answer hello_judge(void *whom, const struct vn_hello *hello, struct vn_tls *tls,
                                   const char **alpn)
{
	struct conn *c = whom;
	struct handshake *h = c->shake;
	struct tls_about a;

	if (!h->heard) {
		h->heard = true;
		snprintf(h->name, sizeof h->name, "%s", hello->name);
		snprintf(h->alpn, sizeof h->alpn, "%s", hello->alpn);
	}
	if (backend_decides(c))
		return TLS_ANSWER_LATER;
	if (chosen_by_backend(c)) {
		tls_link_about(c->backend.tls, &a);
		snprintf(h->chosen, sizeof h->chosen, "%s", a.alpn);
		*alpn = h->chosen;
	}
	conn_judge_hello(c, hello, tls);
	return TLS_ANSWER;
}

/* Protocols in which TLS may begin with the first byte or later know it by ALPN. */
static bool alpn_fits(const struct conn *c)
{
	const struct vn_protocol *p = conn_protocol(c);
	struct tls_about a;

	if (p->tls_start != VN_TLS_EITHER || !p->alpn || c->request.came)
		return true;
	tls_link_about(c->client.tls, &a);
	return strcmp(a.alpn, p->alpn[0]) == 0;
}

/* Its hello waits for the backend, so nobody reads its end. */
static bool client_left(struct conn *c, const struct leg *l)
{
	const struct handshake *h = c->shake;

	return l == &h->client && c->client.hup && h->heard && h->backend.state != LEG_NONE &&
	       !conn_hello_holds(c);
}

static void leg_shakes(struct conn *c, struct leg *l)
{
	struct side *s = side_of(c, l);
	enum tls_did did;

	do                              /* of a peer that has ended no event comes any more */
		did = tls_link_handshake(s->tls);
	while (did == TLS_AGAIN && s->hup && !tls_link_drained(s->tls, true));
	transport_account(c, s);
	if (l == &c->shake->client)
		conn_hello_run(c);
	if (c->dead)                    /* a rule has ended it */
		return;
	switch (did) {
	case TLS_DONE:
		if (l == &c->shake->client && !alpn_fits(c))
			leg_fails(c, l, "no_application_protocol",
			          "TLS from the first byte needs the protocol's name in ALPN");
		else
			leg_opens(c, l);
		break;
	case TLS_AGAIN:
		break;
	case TLS_WAITS:
		if (client_left(c, l))
			leg_fails(c, l, "eof", "the client has closed the connection, without a "
			          "handshake with the backend so far; that may have no TLS");
		break;
	default:
		leg_fails(c, l, l->plain ? "refused" : tls_link_failure(s->tls),
		          l->plain ? TLS_TOLD_PLAIN : tls_link_why(s->tls));
		break;
	}
}

/* Makes the link; its handshake begins. */
static void leg_begins(struct conn *c, struct leg *l)
{
	const struct spec *spec = shard_spec(c->shard);
	struct side *s = side_of(c, l);
	struct handshake *h = c->shake;
	struct tls_wire *w = c->shard->worker->wire;

	if (!(s == &c->client ? spec->client_tls : spec->backend_tls)) {
		leg_fails(c, l, "refused", "the proxy's TLS was turned off meanwhile");
		return;
	}
	s->open = false;
	s->tls = s == &c->client ?
	                 tls_link_accept(w, s->watch.fd, spec, hello_judge, c) :
	                 tls_link_dial(w, s->watch.fd, spec,
	                               &(struct vn_hello){ .name = h->name, .alpn = h->alpn });
	if (!s->tls) {
		leg_fails(c, l, "internal_error", "there is no certificate to begin with");
		return;
	}
	l->state = LEG_SHAKES;
	l->since = conn_loop(c)->now;
	tls_link_give(s->tls, l->early.p, l->early.n);
	buffer_free(&l->early);
	l->early = (struct vn_buffer){ 0 };
	leg_shakes(c, l);
}

/* ---- the client's first byte ---- */

/* A server that takes no more clients closes before the handshake. */
static bool refused_at_accept(const struct conn *c)
{
	return !conn_protocol(c)->server_first && c->unaccepted;
}

/* Unless it may still ask for TLS. */
static void client_is_plain(struct conn *c, struct leg *l, ssize_t n)
{
	if (n && conn_protocol(c)->tls_start == VN_TLS_IMPLICIT)
		conn_hello_plain(c);
	leg_opens(c, l);
}

static void client_sniffs(struct conn *c, struct leg *l)
{
	const struct spec *spec = shard_spec(c->shard);
	bool must = spec->client_tls && spec->client_tls->must &&
	            conn_protocol(c)->tls_start != VN_TLS_EITHER;
	uint8_t first = 0;

	if (!c->client.readable)
		return;
	ssize_t n = transport_peek(&c->client, &first);
	if (n < 0)
		return;
	l->plain = must && first != HANDSHAKE_RECORD;
	if (n && (first == HANDSHAKE_RECORD || must) && refused_at_accept(c))
		conn_doom(c, VN_CLOSE, CLOSE_REASON_RULE_CLOSED);
	else if (n && (first == HANDSHAKE_RECORD || must))
		leg_begins(c, l);
	else if (must)
		leg_fails(c, l, "eof", "the client has closed the connection");
	else
		client_is_plain(c, l, n);
}

/* How TLS begins on a leg of this protocol. */
static enum vn_tls_start start_of(const struct tls_leg *l, const struct vn_protocol *p)
{
	return l->start == TLS_START_AUTO    ? p->tls_start :
	       l->start == TLS_START_UPGRADE ? VN_TLS_UPGRADE :
	                                       VN_TLS_IMPLICIT;
}

void handshake_accepted(struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);
	const struct tls_leg *leg = s->client_tls;

	c->tls = (leg ? VN_TLS_CLIENT_MAY : 0) | (leg && leg->must ? VN_TLS_CLIENT_MUST : 0) |
	         (s->backend_tls ? VN_TLS_BACKEND : 0);
	c->client.writable = true;
	if (!leg || start_of(leg, s->protocol) == VN_TLS_UPGRADE) {
		c->client.open = true;
		return;
	}
	struct leg *l = &handshake_of(c)->client;
	l->state = LEG_SILENT;
	/* a client that must begin has a time-out; and one that waits for a greeting does TLS */
	l->since = leg->must || s->protocol->server_first ? conn_loop(c)->now : 0;
}

/* ---- the backend's preamble ---- */

/* Asks the protocol what to say, and whether TLS may begin. */
static void backend_asks(struct conn *c, struct leg *l)
{
	struct handshake *h = c->shake;
	struct vn_session *t = conn_session(c);

	buffer_clear(&h->out);
	t->kept = &h->kept;
	enum vn_secure next = t->self->secure(t, vn_buffer_span(&h->said), &h->out);
	const char *why = t->notice;
	conn_session_end(c);
	t->kept = NULL;
	if (h->out.n && !transport_say(&c->backend, vn_buffer_span(&h->out))) {
		leg_fails(c, l, "reset", "the backend takes no bytes");
		return;
	}
	switch (next) {
	case VN_SECURE_MORE:
		break;
	case VN_SECURE_START:
		l->state = LEG_WAITS;
		break;
	case VN_SECURE_LATER:
		leg_opens(c, l);
		break;
	default:
		t->notice = NULL;
		leg_fails(c, l, "refused", why ? why : "the backend has no TLS");
		break;
	}
}

static void backend_hears(struct conn *c, struct leg *l)
{
	struct vn_buffer *said = &c->shake->said;

	while (l->state == LEG_TALKS && !c->dead && c->backend.readable) {
		ssize_t n = transport_hear(&c->backend, said);
		if (n < 0)
			return;
		if (n == 0 || said->n > SAID_MAX)
			leg_fails(c, l, n ? "flood" : "eof",
			          n ? "the backend's preamble is longer than 64 KiB" :
			              "the backend has closed the connection");
		else
			backend_asks(c, l);
	}
}

void handshake_connected(struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);

	c->backend.writable = true;
	if (!s->backend_tls) {
		c->backend.open = true;
		return;
	}
	struct leg *l = &handshake_of(c)->backend;
	l->since = conn_loop(c)->now;
	l->state = LEG_WAITS;
	if (!s->protocol->secure || start_of(s->backend_tls, s->protocol) == VN_TLS_IMPLICIT)
		return;
	l->state = LEG_TALKS;
	backend_asks(c, l);
}

/* The client's hello may still come, and the backend needs it. */
static bool backend_waits(const struct conn *c)
{
	const struct spec *s = shard_spec(c->shard);
	enum leg_state client = c->shake->client.state;

	return s->backend_tls && tls_dial_waits(s->backend_tls, s) && !c->shake->heard &&
	       (client == LEG_SILENT || client == LEG_SHAKES);
}

/* ---- both legs ---- */

/* A rule that holds it back stops its clock, which then begins anew. */
static vn_nsec leg_until(struct conn *c, struct leg *l)
{
	vn_nsec limit = c->shard->worker->tls_timeout;

	if (l == &c->shake->client && l->since && conn_hello_holds(c))
		l->since = conn_loop(c)->now;

	return l->state == LEG_NONE || !l->since || !limit || c->ruled->waits ? VN_NEVER :
	                                                                        l->since + limit;
}

/* The backend's is to blame for the client's, too, if its hello waits for it. */
static bool leg_late(struct conn *c, struct leg *l)
{
	const struct handshake *h = c->shake;
	bool backend = l == &h->backend || (h->heard && h->backend.state != LEG_NONE);

	if (conn_loop(c)->now < leg_until(c, l))
		return false;
	leg_fails(c, l, "timeout", backend ?
	          "no handshake with the backend within --tls-timeout; it may have no TLS" :
	          "the handshake took longer than --tls-timeout");
	return true;
}

/* The handshake begins behind all that is on its way, and these bytes. */
static void upgrade_queue(struct pipe *out, struct vn_span ready)
{
	pipe_queue_bytes(out, ready, NULL);
	pipe_put(out, PARCEL_TLS, 0, NULL);
}

/* The client has asked for TLS, and rules may let it. */
static void client_upgrades(struct conn *c)
{
	struct handshake *h = c->shake;

	if (!conn_upgrade_may(c))
		return;
	h->client.state = LEG_QUEUED;
	upgrade_queue(&c->response, vn_buffer_span(&h->ready));
	buffer_clear(&h->ready);
}

static void legs_run(struct conn *c)
{
	struct handshake *h = c->shake;

	if (h->client.state == LEG_SILENT)
		client_sniffs(c, &h->client);
	else if (h->client.state == LEG_SHAKES)
		leg_shakes(c, &h->client);
	else if (h->client.state == LEG_HELD && c->client.hup)
		leg_fails(c, &h->client, "eof", "the client has closed the connection");
	else if (h->client.state == LEG_HELD)
		client_upgrades(c);
	if (!c->dead && h->backend.state == LEG_TALKS)
		backend_hears(c, &h->backend);
	if (!c->dead && h->backend.state == LEG_WAITS && !backend_waits(c))
		leg_begins(c, &h->backend);
	else if (!c->dead && h->backend.state == LEG_SHAKES)
		leg_shakes(c, &h->backend);
}

void handshake_run(struct conn *c)
{
	struct handshake *h = c->shake;
	unsigned secure = c->secure;

	legs_run(c);
	if (!c->dead && c->secure & ~secure & VN_LEG_BACKEND && h->client.state == LEG_SHAKES)
		leg_shakes(c, &h->client);      /* its hello waited for the backend */
	if (c->dead || leg_late(c, &h->client) || leg_late(c, &h->backend))
		return;
	if (h->client.state == LEG_NONE && h->backend.state == LEG_NONE) {
		handshake_free(c);
		return;
	}
	vn_nsec a = leg_until(c, &h->client), b = leg_until(c, &h->backend);
	timer_set(conn_loop(c), &h->timer, a < b ? a : b);
}

/* ---- upgrades ---- */

/* Plain bytes behind a request for TLS: whoever put them there wants them to be taken for bytes
 * that came through TLS. False: the connection ends. */
static bool early_bytes(struct conn *c, struct vn_span *at, struct leg *l, const struct vn_cut *cut)
{
	if (!at->n)
		return true;
	if (cut->eager) {
		vn_buffer_put(&l->early, at->p, at->n);
	} else if (cut->discards) {
		log_warning("proxy=%s connection=%llu: %zu plain bytes behind the request for TLS "
		            "are discarded",
		            shard_spec(c->shard)->name, (unsigned long long)c->number, at->n);
	} else {
		leg_fails(c, l, "injection", "plain bytes came behind the request for TLS");
		return false;
	}
	*at = (struct vn_span){ at->p + at->n, 0 };
	return true;
}

void handshake_cut(struct pipe *p, struct vn_span *at, const struct vn_cut *cut)
{
	struct conn *c = p->conn;
	bool client = cut->leg == VN_LEG_CLIENT;
	struct side *s = client ? &c->client : &c->backend;
	struct handshake *h = handshake_of(c);
	struct leg *l = client ? &h->client : &h->backend;

	pipe_run_flush(p);
	at->p += cut->len;
	at->n -= cut->len;
	p->offset += cut->len;
	if (s->tls || l->state != LEG_NONE) {
		leg_fails(c, l, "protocol", "TLS is requested within TLS");
		return;
	}
	if (s == pipe_from(p) && !early_bytes(c, at, l, cut))
		return;
	pipe_work_acquire(p);
	p->shakes = p->work->halted = true;
	l->state = client ? LEG_HELD : LEG_QUEUED;
	l->since = 0;
	c->again = true;
	if (!client)
		upgrade_queue(&c->request, cut->instead);
	else
		vn_buffer_put(&h->ready, cut->instead.p, cut->instead.n);
	if (client)
		client_upgrades(c);
}

void handshake_upgrade(struct conn *c, struct side *s)
{
	struct handshake *h = handshake_of(c);

	leg_begins(c, s == &c->client ? &h->client : &h->backend);
	conn_later(c);
}
