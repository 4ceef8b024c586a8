/* context.c - the SSL_CTX of a leg of a proxy, in one worker. */
#include "tls/context.h"

#include <openssl/ssl.h>
#include <stdlib.h>

#include "base/memory.h"

struct tls_context { SSL_CTX *ctx; };

struct tls_contexts { tls_hello_fn *hello; };

struct tls_contexts *tls_contexts_create(tls_hello_fn *hello)
{
	struct tls_contexts *all = xcalloc(1, sizeof *all);

	all->hello = hello;
	return all;
}

void tls_contexts_destroy(struct tls_contexts *all)
{
	free(all);
}

struct tls_context *tls_context_get(struct tls_contexts *all, const struct tls_leg *leg,
                                    const struct spec *spec)
{
	return NULL;
}

SSL *tls_context_ssl(struct tls_context *context, void *owner)
{
	SSL *ssl = SSL_new(context->ctx);

	if (ssl)
		SSL_set_app_data(ssl, owner);
	return ssl;
}

void *tls_owner(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

void tls_hello_name(SSL *ssl, char name[TLS_NAME_MAX + 1])
{
	name[0] = 0;
}

void tls_hello_alpn(SSL *ssl, char *to, size_t room)
{
	to[0] = 0;
}

void tls_hello_versions(SSL *ssl, unsigned *lowest, unsigned *highest)
{
	*lowest = *highest = TLS1_2_VERSION;
}

bool tls_hello_resumes(SSL *ssl)
{
	return false;
}

bool tls_hello_present(SSL *ssl, const char *name)
{
	return false;
}

void tls_hello_choose(SSL *ssl, const char *names)
{
}

void tls_hello_forget(SSL *ssl)
{
}

bool tls_dial(SSL *ssl, const char *client_name, const char *client_alpn)
{
	return true;
}

bool tls_dial_waits(const struct tls_leg *leg, const struct spec *spec)
{
	return leg->alpn_client || !leg->name;
}

void tls_spare(SSL *ssl)
{
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
