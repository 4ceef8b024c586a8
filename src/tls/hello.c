/* hello.c - what a ClientHello wants. Its bytes are hostile: each length is checked. */
#include <openssl/ssl.h>
#include <string.h>

#include "tls/context.h"
#include "tls/mint.h"

struct cursor { const unsigned char *p; size_t n; };

/* Takes a number of `bytes` bytes. False: there are not so many. */
static bool number_take(struct cursor *c, size_t bytes, size_t *to)
{
	if (c->n < bytes)
		return false;
	for (*to = 0; bytes; bytes--, c->n--)
		*to = *to << 8 | *c->p++;
	return true;
}

/* Takes a vector whose length has `bytes` bytes. */
static bool vector_take(struct cursor *c, size_t bytes, struct cursor *to)
{
	size_t n;

	if (!number_take(c, bytes, &n) || n > c->n)
		return false;
	*to = (struct cursor){ c->p, n };
	c->p += n;
	c->n -= n;
	return true;
}

static bool extension(SSL *ssl, unsigned type, struct cursor *to)
{
	return SSL_client_hello_get0_ext(ssl, type, &to->p, &to->n) == 1;
}

void tls_hello_name(SSL *ssl, char name[TLS_NAME_MAX + 1])
{
	struct cursor all, list, one;
	size_t type;

	name[0] = 0;
	if (!extension(ssl, TLSEXT_TYPE_server_name, &all) || !vector_take(&all, 2, &list) ||
	    !number_take(&list, 1, &type) || type != TLSEXT_NAMETYPE_host_name ||
	    !vector_take(&list, 2, &one))
		return;
	if (!mint_name_good((const char *)one.p, one.n, name))
		name[0] = 0;
}

/* Names with a comma or control characters in them are left out. */
static bool protocol_good(struct cursor one)
{
	for (size_t i = 0; i < one.n; i++)
		if (one.p[i] <= ' ' || one.p[i] > 126 || one.p[i] == ',')
			return false;
	return one.n;
}

void tls_hello_alpn(SSL *ssl, char *to, size_t room)
{
	struct cursor all, list, one;
	size_t used = 0;

	to[0] = 0;
	if (!extension(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &all) ||
	    !vector_take(&all, 2, &list))
		return;
	while (vector_take(&list, 1, &one)) {
		if (!protocol_good(one) || used + one.n + 2 > room)
			continue;
		if (used)
			to[used++] = ',';
		memcpy(to + used, one.p, one.n);
		used += one.n;
		to[used] = 0;
	}
}

void tls_hello_versions(SSL *ssl, unsigned *lowest, unsigned *highest)
{
	struct cursor all, list;
	size_t version;

	*lowest = TLS1_VERSION;
	*highest = SSL_client_hello_get0_legacy_version(ssl);
	if (*highest > TLS1_2_VERSION)
		*highest = TLS1_2_VERSION;
	if (*highest < TLS1_VERSION)
		*highest = TLS1_VERSION;
	if (!extension(ssl, TLSEXT_TYPE_supported_versions, &all) || !vector_take(&all, 1, &list))
		return;
	unsigned low = 0, high = 0;
	while (number_take(&list, 2, &version)) {
		if (version < TLS1_VERSION || version > TLS1_3_VERSION)
			continue;
		low = !low || version < low ? (unsigned)version : low;
		high = version > high ? (unsigned)version : high;
	}
	if (low) {
		*lowest = low;
		*highest = high;
	}
}

bool tls_hello_resumes(SSL *ssl)
{
	struct cursor c;

	return (extension(ssl, TLSEXT_TYPE_session_ticket, &c) && c.n) ||
	       extension(ssl, TLSEXT_TYPE_psk, &c);
}
