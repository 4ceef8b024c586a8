/* secure.c - TLS of the model's peers: an SSL between two memory BIOs. */
#include "secure.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct secure { SSL *ssl; BIO *in, *out; bool ended, broken; };

/* A certificate that nobody verifies. */
static X509 *certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	int good = X509_sign(x, key, EVP_sha256());
	assert(good);
	return x;
}

static SSL_CTX *context(bool server)
{
	static SSL_CTX *both[2];
	SSL_CTX *c = both[server];

	if (c)
		return c;
	c = both[server] = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	assert(c);
	if (server) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		X509 *x = certificate(key);
		SSL_CTX_use_certificate(c, x);
		SSL_CTX_use_PrivateKey(c, key);
		X509_free(x);
		EVP_PKEY_free(key);
	}
	return c;
}

struct secure *secure_make(bool server)
{
	struct secure *s = calloc(1, sizeof *s);

	assert(s);
	*s = (struct secure){ SSL_new(context(server)), BIO_new(BIO_s_mem()),
		              BIO_new(BIO_s_mem()), false, false };
	SSL_set_bio(s->ssl, s->in, s->out);
	if (server)
		SSL_set_accept_state(s->ssl);
	else
		SSL_set_connect_state(s->ssl);
	return s;
}

void secure_free(struct secure *s)
{
	if (s)
		SSL_free(s->ssl);
	free(s);
}

void secure_came(struct secure *s, const void *wire, size_t n)
{
	BIO_write(s->in, wire, (int)n);
}

size_t secure_read(struct secure *s, void *to, size_t room)
{
	size_t n = 0;
	int result = SSL_read_ex(s->ssl, to, room, &n);

	if (!result && SSL_get_error(s->ssl, result) == SSL_ERROR_ZERO_RETURN)
		s->ended = true;
	return n;
}

bool secure_done(const struct secure *s)
{
	return SSL_is_init_finished(s->ssl);
}

bool secure_ended(const struct secure *s)
{
	return s->ended;
}

void secure_write(struct secure *s, const void *bytes, size_t n)
{
	size_t taken;

	if (n)
		SSL_write_ex(s->ssl, bytes, n, &taken);
}

void secure_renew(struct secure *s, bool both)
{
	SSL_key_update(s->ssl, both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
}

void secure_bye(struct secure *s)
{
	SSL_shutdown(s->ssl);
}

void secure_break(struct secure *s)
{
	s->broken = true;
}

size_t secure_goes(struct secure *s, void *to, size_t room)
{
	int n = s->broken ? 0 : BIO_read(s->out, to, (int)room);

	return n > 0 ? (size_t)n : 0;
}
