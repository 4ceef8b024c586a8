/* context.c - the SSL_CTX of a leg of a proxy, in one worker. */
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "tls/own.h"
#include "tls/pem.h"
#include "tls/session.h"
#include "tls/trust.h"

enum { SESSION_SECONDS = 300, CHAIN_MAX = 100 << 10, SLOTS = 256 };

/* ---- names and ALPN, which follow from the spec ---- */

static void name_add(struct tls_context *c, unsigned *n, const char *name, size_t length)
{
	char checked[TLS_NAME_MAX + 1];

	if (*n == LEAF_NAMES_MAX || length > TLS_NAME_MAX)
		return;
	memcpy(checked, name, length);
	checked[length] = 0;
	/* an address of IPv6 is no DNS name */
	if (!strchr(checked, ':') && !mint_name_good(name, length, checked))
		return;
	for (unsigned i = 0; i < *n; i++)
		if (!strcmp(c->names[i], checked))
			return;
	c->names[(*n)++] = xstrdup(checked);
}

static void address_add(struct tls_context *c, unsigned *n, const struct address *a)
{
	static const char *const any[] = { "", "0.0.0.0", "::" };

	for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
		if (a->unix_path || !a->host || !strcmp(a->host, any[i]))
			return;
	name_add(c, n, a->host, strlen(a->host));
}

static void names_make(struct tls_context *c, const struct spec *s)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "::1" };
	char host[TLS_NAME_MAX + 1] = "";
	unsigned n = 0;

	for (char **name = c->names; name && *name; name++)
		free(*name);
	free(c->names);
	c->names = xcalloc(LEAF_NAMES_MAX + 1, sizeof *c->names);
	for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
		name_add(c, &n, local[i], strlen(local[i]));
	if (!gethostname(host, sizeof host - 1))
		name_add(c, &n, host, strlen(host));
	address_add(c, &n, &s->listen);
	address_add(c, &n, &s->backend);
	for (const char *at = c->leg->names; at && *at;) {
		size_t length = strcspn(at, ",");
		name_add(c, &n, at, length);
		at += length + !!at[length];
	}
	c->names_hash = 0;
	for (unsigned i = 0; i < n; i++)
		c->names_hash = vn_hash(c->names_hash, (struct vn_span){
			(const uint8_t *)c->names[i], strlen(c->names[i]) + 1 });
}

static void text_set(char **to, const char *text)
{
	free(*to);
	*to = xstrdup(text);
}

static void alpn_make(struct tls_context *c, const struct spec *s)
{
	size_t room = 1;
	const char *const *theirs = s->protocol->alpn;

	if (c->leg->alpn || c->leg->alpn_client || !theirs) {
		text_set(&c->alpn, c->leg->alpn ? c->leg->alpn : "");
		return;
	}
	for (size_t i = 0; theirs[i]; i++)
		room += strlen(theirs[i]) + 1;
	free(c->alpn);
	c->alpn = xcalloc(1, room);
	for (size_t i = 0; theirs[i]; i++)
		text_add(c->alpn, room, "%s%s", i ? "," : "", theirs[i]);
}

static void context_refresh(struct tls_context *c, const struct spec *s)
{
	if (c->protocol == s->protocol && !strcmp(c->listen, s->listen.text) &&
	    !strcmp(c->backend, s->backend.text))
		return;
	c->protocol = s->protocol;
	text_set(&c->listen, s->listen.text);
	text_set(&c->backend, s->backend.text);
	text_set(&c->host, s->backend.unix_path ? "" : *s->backend.host ? s->backend.host :
	                                                                 "localhost");
	alpn_make(c, s);
	if (!c->leg->backend)
		names_make(c, s);
}

/* ---- callbacks of the client leg ---- */

static int hello_called(SSL *ssl, int *alert, void *all)
{
	return ((struct tls_contexts *)all)->hello(ssl, alert);
}

/* The name was used already, in the client hello callback. */
static int name_called(SSL *ssl, int *alert, void *user)
{
	return SSL_TLSEXT_ERR_OK;
}

static int staple_called(SSL *ssl, void *user)
{
	const unsigned char *response;

	return SSL_get_tlsext_status_ocsp_resp(ssl, &response) > 0 ? SSL_TLSEXT_ERR_OK :
	                                                            SSL_TLSEXT_ERR_NOACK;
}

static int alpn_called(SSL *ssl, const unsigned char **out, unsigned char *n,
                       const unsigned char *in, unsigned in_n, void *user)
{
	const struct own *o = own_of(ssl);
	const char *at = o->choose ? o->choose : context_of(ssl)->alpn;

	if (o->forced) {
		*out = (const unsigned char *)o->forced;
		*n = (unsigned char)strlen(o->forced);
		return *n ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
	}
	if (!*at)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t len; *at; at += len + !!at[len]) {
		len = strcspn(at, ",");
		for (unsigned i = 0; i < in_n; i += 1u + in[i])
			if (in[i] == len && i + 1 + len <= in_n && !memcmp(in + i + 1, at, len)) {
				*out = in + i + 1;
				*n = in[i];
				return SSL_TLSEXT_ERR_OK;
			}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int tickets_called(SSL *ssl, unsigned char name[16], unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
	int good = ticket_keys_use(context_of(ssl)->tickets, name, iv, cipher, mac, seals);

	/* a ticket of 1.3 is good once: 2 has another one sent */
	return good == 1 && !seals && SSL_version(ssl) == TLS1_3_VERSION ? 2 : good;
}

/* ---- an SSL_CTX ---- */

static bool own_certificate(SSL_CTX *ctx, const struct tls_leg *leg)
{
	STACK_OF(X509) *chain = NULL;
	X509 *cert;
	EVP_PKEY *key;

	if (!leg->cert.file)
		return true;
	cert = pem_certificate(&leg->cert, &chain);
	key = pem_key(leg->key.file ? &leg->key : &leg->cert);
	bool good = cert && key && SSL_CTX_use_cert_and_key(ctx, cert, key, chain, 1) > 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	return good;
}

static bool common_set(SSL_CTX *ctx, const struct tls_leg *leg)
{
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	if (leg->trust)
		SSL_CTX_set1_cert_store(ctx, tls_trust_store(leg->trust));
	if (leg->lowest < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, (int)leg->lowest) &&
	       SSL_CTX_set_max_proto_version(ctx, (int)leg->highest) &&
	       (!leg->ciphers || SSL_CTX_set_cipher_list(ctx, leg->ciphers)) &&
	       (!leg->suites || SSL_CTX_set_ciphersuites(ctx, leg->suites)) &&
	       own_certificate(ctx, leg);
}

/* What sessions of this proxy and this certificate have in common. */
static void session_label(const struct tls_context *c, unsigned char label[32])
{
	char text[200];
	int n = snprintf(text, sizeof text, "%.80s/%llu", c->proxy,
	                 (unsigned long long)c->leg->generation);

	SHA256((const unsigned char *)text, (size_t)n, label);
}

static bool client_leg_set(struct tls_context *c, SSL_CTX *ctx)
{
	const struct tls_leg *leg = c->leg;
	unsigned char label[32];

	session_label(c, label);
	c->tickets = ticket_keys_make(label, sizeof label);
	SSL_CTX_set_client_hello_cb(ctx, hello_called, c->all);
	SSL_CTX_set_tlsext_servername_callback(ctx, name_called);
	SSL_CTX_set_tlsext_status_cb(ctx, staple_called);
	SSL_CTX_set_alpn_select_cb(ctx, alpn_called, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tickets_called);
	if (!leg->tickets)
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	if (leg->verify) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (leg->verify == TLS_VERIFY_REQUIRE ?
		                        SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
		SSL_CTX_set_client_CA_list(ctx, tls_trust_names(leg->trust));
	}
	return SSL_CTX_set_session_id_context(ctx, label, sizeof label) &&
	       SSL_CTX_set_num_tickets(ctx, leg->tickets);
}

static bool backend_leg_set(struct tls_context *c, SSL_CTX *ctx)
{
	X509_VERIFY_PARAM *how = SSL_CTX_get0_param(ctx);

	session_keep(ctx, c->leg->resume);
	X509_VERIFY_PARAM_set_hostflags(how, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_CTX_set_verify(ctx, c->leg->must ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	return true;
}

/* NULL: OpenSSL's error queue says why. */
static struct tls_context *context_make(struct tls_contexts *all, const struct tls_leg *leg,
                                        const struct spec *s)
{
	struct tls_context *c = xcalloc(1, sizeof *c);
	SSL_CTX *ctx = SSL_CTX_new(leg->backend ? TLS_client_method() : TLS_server_method());

	if (!ctx || !context_attach(ctx, c)) {
		SSL_CTX_free(ctx);
		free(c);
		return NULL;
	}
	c->ctx = ctx;
	c->all = all;
	c->leg = tls_leg_ref((struct tls_leg *)leg);
	c->proxy = xstrdup(s->name);
	c->listen = xstrdup("");
	c->backend = xstrdup("");
	context_refresh(c, s);
	if (common_set(ctx, leg) &&
	    (leg->backend ? backend_leg_set(c, ctx) : client_leg_set(c, ctx)))
		return c;
	SSL_CTX_free(ctx);
	return NULL;
}

/* ---- the table of a worker ---- */

struct tls_contexts *tls_contexts_create(tls_hello_fn *hello)
{
	struct tls_contexts *all = xcalloc(1, sizeof *all);

	own_begin();
	all->hello = hello;
	all->leaves = leaf_cache_create();
	return all;
}

/* Contexts whose leg no spec has any more, or all. SSLs that are left keep theirs. */
static void contexts_drop(struct tls_contexts *all, bool each)
{
	for (unsigned i = 0; i < SLOTS; i++)
		for (struct tls_context **at = &all->slots[i], *c; (c = *at);) {
			if (!each && c->leg->refs > 1) {
				at = &c->next;
				continue;
			}
			*at = c->next;
			SSL_CTX_free(c->ctx);
		}
}

void tls_contexts_destroy(struct tls_contexts *all)
{
	if (!all)
		return;
	contexts_drop(all, true);
	leaf_cache_destroy(all->leaves);
	free(all);
}

struct tls_context *tls_context_get(struct tls_contexts *all, const struct tls_leg *leg,
                                    const struct spec *s)
{
	struct tls_context **slot = &all->slots[leg->generation & (SLOTS - 1)], *c = *slot;
	char why[256];

	while (c && (c->leg != leg || strcmp(c->proxy, s->name)))
		c = c->next;
	if (c) {
		context_refresh(c, s);
		return c;
	}
	contexts_drop(all, false);
	ERR_clear_error();
	c = context_make(all, leg, s);
	if (c) {
		c->next = *slot;
		*slot = c;
		return c;
	}
	ERR_error_string_n(ERR_get_error(), why, sizeof why);
	log_error("proxy=%s: TLS of the %s leg cannot begin: %s", s->name,
	          leg->backend ? "backend" : "client", why);
	ERR_clear_error();
	return NULL;
}

SSL *tls_context_ssl(struct tls_context *c, void *owner)
{
	SSL *ssl = SSL_new(c->ctx);
	struct own *o = xcalloc(1, sizeof *o);

	o->owner = owner;
	if (!ssl || !own_attach(ssl, o)) {
		free(o);
		SSL_free(ssl);
		return NULL;
	}
	if (c->leg->backend)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

void *tls_owner(const SSL *ssl)
{
	return own_of(ssl)->owner;
}

/* ---- the answer to a ClientHello ---- */

bool tls_hello_present(SSL *ssl, const char *name)
{
	const struct tls_context *c = context_of(ssl);
	const struct tls_identity *id = tls_identity();
	const struct leaf *leaf;

	if (c->leg->cert.file)
		return true;
	if (!id)
		return false;
	leaf = leaf_get(c->all->leaves, &(struct leaf_wish){
		.id = id, .key = c->leg->rsa && id->rsa ? id->rsa : id->ec, .name = name,
		.names = (const char *const *)c->names, .context = c->names_hash, .flaw = "",
		.make = leaf_make,
	});
	return leaf && leaf_show(ssl, leaf);
}

void tls_hello_choose(SSL *ssl, const char *names)
{
	text_set(&own_of(ssl)->choose, names);
}

void tls_hello_forget(SSL *ssl)
{
	unsigned char label[32];

	if (RAND_bytes(label, sizeof label) > 0)
		SSL_set_session_id_context(ssl, label, sizeof label);
}
