/* link.c - TLS of one side of a connection: handshake, bytes, end. */
#include "tls/link.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/memory.h"
#include "tls/alert.h"
#include "tls/context.h"
#include "tls/crowd.h"
#include "tls/keylog.h"
#include "tls/link_ssl.h"
#include "tls/strike.h"

/* A handshake of the client leg. */
struct tls_hello {
	tls_judge_fn *judge;
	void *whom;
	struct vn_tls tls;
	bool answered;
};

/* ---- what failed ---- */

static void link_alerted(const SSL *ssl, int where, int value)
{
	struct tls_link *l = tls_owner(ssl);

	if (!(where & SSL_CB_ALERT) || value >> 8 != SSL3_AL_FATAL)
		return;
	l->alert = (uint8_t)value;
	l->alerted = true;
	l->theirs = where & SSL_CB_READ;
}

static void link_label(struct tls_link *l, const char *label, const char *why)
{
	l->failed = true;
	if (l->why)
		return;
	l->label = label;
	l->why = xstrdup(why);
}

/* Notes why the SSL has failed, from OpenSSL's queue of errors. */
static enum tls_did link_fails(struct tls_link *l)
{
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;
	long verified = SSL_get_verify_result(l->ssl);
	const char *alert = l->alerted ? tls_alert_name(l->alert) : NULL;
	char why[256];

	if (l->theirs)
		snprintf(why, sizeof why, "the peer sent the alert %s", alert ? alert : "unknown");
	else if (verified != X509_V_OK)
		snprintf(why, sizeof why, "the peer's certificate is rejected: %s",
		         X509_verify_cert_error_string(verified));
	else
		snprintf(why, sizeof why, "%s", text ? text : "TLS failed");
	link_label(l, !l->theirs && verified != X509_V_OK ? "verify" : alert ? alert : "protocol",
	           why);
	ERR_clear_error();
	return TLS_FAILED;
}

const char *tls_link_failure(const struct tls_link *l)
{
	return l->label ? l->label : l->broken ? "reset" : "eof";
}

const char *tls_link_why(const struct tls_link *l)
{
	return l->why    ? l->why :
	       l->broken ? "the peer has reset the connection" :
	                   "the peer has closed the connection";
}

/* The outcome of a call of the SSL that has not succeeded. */
static enum tls_did link_outcome(struct tls_link *l, int result)
{
	switch (SSL_get_error(l->ssl, result)) {
	case SSL_ERROR_WANT_CLIENT_HELLO_CB:
		return TLS_WAITS;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		if (l->flooded) {
			link_label(l, "flood", "64 KiB of a handshake came before our answer");
			return TLS_FAILED;
		}
		return l->broken ? TLS_RESET : l->eof ? TLS_CUT : TLS_AGAIN;
	default:
		return link_fails(l);
	}
}

/* ---- the ClientHello ---- */

/* Chooses the answer, when the judge has decided. */
static int hello_answer(struct tls_link *l, SSL *ssl, const char *name, const char *alpn,
                        int *alert)
{
	l->hello->answered = true;
	*alert = SSL_AD_INTERNAL_ERROR;
	if (!tls_hello_present(ssl, name))
		return SSL_CLIENT_HELLO_ERROR;
	if (alpn)
		tls_hello_choose(ssl, alpn);
	return tls_strike_hello(ssl, &l->hello->tls, name, l->spec->protocol->plain_answer,
	                        &l->strike, alert);
}

static int link_hello(SSL *ssl, int *alert)
{
	struct tls_link *l = tls_owner(ssl);
	char name[TLS_NAME_MAX + 1], offered[1024];
	struct vn_hello h = { .name = name, .alpn = offered, .resumes = tls_hello_resumes(ssl) };
	const char *alpn = NULL;

	if (l->hello->answered)         /* the second one, after a HelloRetryRequest */
		return SSL_CLIENT_HELLO_SUCCESS;
	tls_hello_name(ssl, name);
	tls_hello_alpn(ssl, offered, sizeof offered);
	tls_hello_versions(ssl, &h.lowest, &h.highest);
	switch (l->hello->judge(l->hello->whom, &h, &l->hello->tls, &alpn)) {
	case TLS_ANSWER:
		return hello_answer(l, ssl, name, alpn, alert);
	case TLS_ANSWER_LATER:
		return SSL_CLIENT_HELLO_RETRY;
	default:
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
}

/* ---- begin, end ---- */

struct tls_wire *tls_wire_create(size_t bufsize)
{
	struct tls_wire *w = xcalloc(1, sizeof *w);

	w->bufsize = bufsize;
	w->in = xmalloc(bufsize);
	w->contexts = tls_contexts_create(link_hello);
	return w;
}

void tls_wire_destroy(struct tls_wire *w)
{
	if (!w)
		return;
	tls_contexts_destroy(w->contexts);
	buffer_free(&w->out);
	free(w->in);
	free(w);
}

static struct tls_link *link_make(struct tls_wire *w, int fd, const struct spec *s, bool server)
{
	struct tls_context *context =
		tls_context_get(w->contexts, server ? s->client_tls : s->backend_tls, s);

	if (!context)
		return NULL;
	struct tls_link *l = xcalloc(1, sizeof *l);
	crowd_joins();
	*l = (struct tls_link){ .wire = w, .fd = fd, .server = server,
	                        .spec = spec_ref((struct spec *)s) };
	l->ssl = tls_context_ssl(context, l);
	BIO *bio = l->ssl ? link_bio(l) : NULL;
	if (!bio) {
		tls_link_free(l);
		return NULL;
	}
	SSL_set_bio(l->ssl, bio, bio);
	SSL_set_mode(l->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
	SSL_set_options(l->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_set_info_callback(l->ssl, link_alerted);
	tls_keylog_use(l->ssl);
	return l;
}

struct tls_link *tls_link_accept(struct tls_wire *w, int fd, const struct spec *s,
                                 tls_judge_fn *judge, void *whom)
{
	struct tls_link *l = link_make(w, fd, s, true);

	if (!l)
		return NULL;
	l->hello = xcalloc(1, sizeof *l->hello);
	l->hello->judge = judge;
	l->hello->whom = whom;
	return l;
}

struct tls_link *tls_link_dial(struct tls_wire *w, int fd, const struct spec *s,
                               const struct vn_hello *client)
{
	struct tls_link *l = link_make(w, fd, s, false);

	if (l && !tls_dial(l->ssl, client ? client->name : "", client ? client->alpn : "")) {
		tls_link_free(l);
		return NULL;
	}
	return l;
}

void tls_link_free(struct tls_link *l)
{
	if (!l)
		return;
	if (l->ssl && l->done && !l->failed)
		tls_spare(l->ssl);
	SSL_free(l->ssl);
	spec_unref(l->spec);
	tls_strike_free(l->strike);
	free(l->hello);
	free(l->left.p);
	free(l->stuck.p);
	free(l->why);
	free(l);
	crowd_leaves();
}

/* ---- handshake, bytes ---- */

/* Before a call of the SSL. False: none is allowed. */
static bool link_begin(struct tls_link *l)
{
	ERR_clear_error();
	l->drained = l->empty = l->received = l->ends = false;
	return !l->failed;
}

struct tls_strike *tls_link_strike(const struct tls_link *l)
{
	return l ? l->strike : NULL;
}

enum tls_did tls_link_handshake(struct tls_link *l)
{
	enum tls_did did = TLS_DONE;

	if (!link_begin(l))
		return TLS_FAILED;
	do {
		l->received = l->left.n;
		int result = SSL_do_handshake(l->ssl);
		did = result == 1 ? TLS_DONE : link_outcome(l, result);
		link_flush(l);
	} while (did == TLS_AGAIN && (!l->drained || l->left.n));
	if (did == TLS_DONE) {
		l->done = true;
		free(l->hello);
		l->hello = NULL;
	}
	return did;
}

enum tls_did tls_link_read(struct tls_link *l, uint8_t *to, size_t room, size_t *n)
{
	enum tls_did did = TLS_DONE;
	size_t came;

	*n = 0;
	if (!link_begin(l))
		return TLS_FAILED;
	do {
		l->received = l->left.n;
		while (*n < room && did == TLS_DONE)
			if (SSL_read_ex(l->ssl, to + *n, room - *n, &came))
				*n += came;
			else
				did = link_outcome(l, 0);
		link_flush(l);
		/* a ticket that has come makes OpenSSL take a buffer for writing */
		if (did == TLS_AGAIN)
			SSL_free_buffers(l->ssl);
		if (*n) {
			l->ends = did != TLS_DONE && did != TLS_AGAIN;
			return TLS_DONE;
		}
		if (did == TLS_AGAIN && (!l->drained || l->left.n))
			did = TLS_DONE;
	} while (did == TLS_DONE);
	return did;
}

bool tls_link_drained(const struct tls_link *l, bool ends)
{
	return (ends ? l->empty : l->drained) && !l->ends && !l->left.n && !SSL_pending(l->ssl);
}

enum tls_did tls_link_write(struct tls_link *l, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	size_t taken;
	enum tls_did did = TLS_DONE;

	if (!link_begin(l))
		return TLS_FAILED;
	for (; n && did == TLS_DONE; at += taken, n -= taken) {
		taken = 0;
		size_t next = l->strike ? tls_strike_plain(l->strike, n) : n;
		if (!SSL_write_ex(l->ssl, at, next, &taken))
			did = link_outcome(l, 0);
	}
	link_flush(l);
	if (l->broken)
		return TLS_RESET;
	if (did == TLS_DONE || did == TLS_FAILED)
		return did;
	link_label(l, "protocol", "nothing can be written any more");
	return TLS_FAILED;
}

size_t tls_link_stuck(const struct tls_link *l)
{
	return l->stuck.n - l->stuck.at;
}

enum tls_did tls_link_flush(struct tls_link *l)
{
	return link_send_stuck(l) ? TLS_DONE : l->broken ? TLS_RESET : TLS_AGAIN;
}

void tls_link_give(struct tls_link *l, const uint8_t *bytes, size_t n)
{
	link_keep(l, bytes, n);
}

void tls_link_bye(struct tls_link *l)
{
	if (l->bye || !l->done || !link_begin(l))
		return;
	l->bye = true;
	if (l->strike && tls_strike_mute(l->strike))
		return;
	if (SSL_shutdown(l->ssl) < 0)
		link_outcome(l, -1);
	link_flush(l);
	l->mute = true;
}

void tls_link_shut(struct tls_link *l)
{
	l->mute = true;
	shutdown(l->fd, SHUT_WR);
}

/* ---- what is told ---- */

/* A name that a client may have made up: it is shown if it is one. */
static void about_name(struct tls_about *a, const char *name)
{
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                               "0123456789.-_") : 0;

	if (n && !name[n])
		snprintf(a->name, sizeof a->name, "%s", name);
}

static void about_peer(const struct tls_link *l, struct tls_about *a)
{
	X509 *peer = SSL_get0_peer_certificate(l->ssl);

	if (!peer)
		return;
	X509_NAME_oneline(X509_get_subject_name(peer), a->peer, sizeof a->peer);
	a->verified = SSL_get_verify_mode(l->ssl) != SSL_VERIFY_NONE &&
	              SSL_get_verify_result(l->ssl) == X509_V_OK;
}

void tls_link_alpn(const struct tls_link *l, char *to, size_t room)
{
	const unsigned char *alpn;
	unsigned n;

	SSL_get0_alpn_selected(l->ssl, &alpn, &n);
	snprintf(to, room, "%.*s", (int)n, n ? (const char *)alpn : "");
}

void tls_link_about(const struct tls_link *l, struct tls_about *a)
{
	const char *name = SSL_get_servername(l->ssl, TLSEXT_NAMETYPE_host_name);

	*a = (struct tls_about){ 0 };
	about_name(a, name);
	if (!l->done)
		return;
	snprintf(a->version, sizeof a->version, "%s", SSL_get_version(l->ssl));
	snprintf(a->cipher, sizeof a->cipher, "%s", SSL_get_cipher_name(l->ssl));
	tls_link_alpn(l, a->alpn, sizeof a->alpn);
	a->resumed = SSL_session_reused(l->ssl);
	about_peer(l, a);
}

bool tls_link_alike(const struct tls_link *client, const struct tls_link *backend)
{
	const X509 *ours = SSL_get_certificate(client->ssl);
	const X509 *theirs = SSL_get0_peer_certificate(backend->ssl);

	return ours && theirs && X509_cmp(ours, theirs) == 0;
}

uint64_t tls_link_wire_bytes(struct tls_link *l)
{
	uint64_t n = l->wire_bytes;

	l->wire_bytes = 0;
	return n;
}
