/* own.c - what we keep for each SSL and each SSL_CTX. */
#include "tls/own.h"

#include <pthread.h>
#include <stdlib.h>

static int ssl_index, ctx_index;

static void own_free(void *parent, void *p, CRYPTO_EX_DATA *all, int index, long l, void *user)
{
	struct own *o = p;

	if (!o)
		return;
	free(o->choose);
	free(o->forced);
	free(o->dialled);
	free(o);
}

static void context_free(void *parent, void *p, CRYPTO_EX_DATA *all, int index, long l,
                         void *user)
{
	struct tls_context *c = p;

	if (!c)
		return;
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		free(c->sessions[i].name);
		SSL_SESSION_free(c->sessions[i].session);
	}
	for (char **name = c->names; name && *name; name++)
		free(*name);
	free(c->names);
	ticket_keys_free(c->tickets);
	tls_leg_unref(c->leg);
	free(c->proxy);
	free(c->listen);
	free(c->backend);
	free(c->host);
	free(c->alpn);
	free(c);
}

static void indices_make(void)
{
	ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, own_free);
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_free);
}

void own_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, indices_make);
}

struct own *own_of(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, ssl_index);
}

struct tls_context *context_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
}

bool own_attach(SSL *ssl, struct own *o)
{
	return SSL_set_ex_data(ssl, ssl_index, o);
}

bool context_attach(SSL_CTX *ctx, struct tls_context *c)
{
	return SSL_CTX_set_ex_data(ctx, ctx_index, c);
}
