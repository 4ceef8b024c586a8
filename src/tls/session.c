/* session.c - the backend leg: whom a handshake is for, and the sessions that it resumes. */
#include "tls/session.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tls/own.h"

/* The newest session of each name is kept; of SESSIONS_MAX names, those that came last. */
static unsigned session_place(struct tls_context *c, const char *name)
{
	unsigned at;

	for (at = 0; at < SESSIONS_MAX; at++)
		if (c->sessions[at].name && !strcmp(c->sessions[at].name, name))
			return at;
	at = c->next_session;
	c->next_session = (at + 1) % SESSIONS_MAX;
	return at;
}

/* A session came: it is ours now. */
static int session_called(SSL *ssl, SSL_SESSION *session)
{
	struct tls_context *c = context_of(ssl);
	const struct own *o = own_of(ssl);

	if (!o->dialled)
		return 0;
	unsigned at = session_place(c, o->dialled);
	SSL_SESSION_free(c->sessions[at].session);
	free(c->sessions[at].name);
	c->sessions[at].session = session;
	c->sessions[at].name = xstrdup(o->dialled);
	return 1;
}

void session_keep(SSL_CTX *ctx, bool resume)
{
	if (!resume) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		return;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, session_called);
}

static bool is_address(const char *name)
{
	unsigned char ignored[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, ignored) == 1 || inet_pton(AF_INET6, name, ignored) == 1;
}

/* As SSL_set_alpn_protos() wants the names. */
static bool alpn_offer(SSL *ssl, const char *names)
{
	unsigned char list[1024];
	size_t used = 0;

	for (size_t n; *names; names += n + !!names[n]) {
		n = strcspn(names, ",");
		if (!n || n > 255 || used + 1 + n > sizeof list)
			continue;
		list[used++] = (unsigned char)n;
		memcpy(list + used, names, n);
		used += n;
	}
	return !used || SSL_set_alpn_protos(ssl, list, (unsigned)used) == 0;
}

bool tls_dial(SSL *ssl, const char *client_name, const char *client_alpn)
{
	struct tls_context *c = context_of(ssl);
	struct own *o = own_of(ssl);
	const char *name = c->leg->name;
	X509_VERIFY_PARAM *how = SSL_get0_param(ssl);

	if (!name && *client_name)
		name = client_name;
	else if (!name || !*name)
		name = c->host;
	bool address = is_address(name);
	if (*name && !address && !SSL_set_tlsext_host_name(ssl, name))
		return false;
	if (c->leg->must && !(address ? X509_VERIFY_PARAM_set1_ip_asc(how, name) :
	                      *name && X509_VERIFY_PARAM_set1_host(how, name, 0)))
		return false;
	if (!alpn_offer(ssl, tls_alpn_of_client(c->leg, c->protocol) ? client_alpn : c->alpn))
		return false;
	if (!c->leg->resume)
		return true;
	o->dialled = xstrdup(name);
	for (unsigned i = 0; i < SESSIONS_MAX; i++)
		if (c->sessions[i].name && !strcmp(c->sessions[i].name, name))
			SSL_set_session(ssl, c->sessions[i].session);
	return true;
}

/* Without an ALPN of its own a stream without messages has that of its client. */
bool tls_alpn_of_client(const struct tls_leg *leg, const struct vn_protocol *p)
{
	return leg->alpn_client || (!leg->alpn && !p->alpn && !p->request);
}

bool tls_dial_waits(const struct tls_leg *leg, const struct spec *s)
{
	return s->client_tls && (!leg->name || tls_alpn_of_client(leg, s->protocol));
}

void tls_spare(SSL *ssl)
{
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
