/* tls_leaf.c - tests of our certificates: each is shown in a handshake in memory, and judged by
 * OpenSSL's own verifier as a client has it. */
#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "spec/registry.h"
#include "tls/ca.h"
#include "tls/flaw.h"
#include "tls/identity.h"
#include "tls/leaf.h"
#include "tls/legs.h"
#include "tls/mint.h"
#include "unit.h"

/* ---- a proxy, a worker's contexts, and what the client hello callback does ---- */

static char folder[] = "/tmp/vaurien-unit-XXXXXX";
static struct tls_contexts *contexts;
static const char *flaw;                /* shown to the next client; NULL: a good leaf */
static bool forgets;
static char seen_name[TLS_NAME_MAX + 1], seen_alpn[64];
static bool seen_ticket;

static int hello(SSL *ssl, int *alert)
{
	*alert = SSL_AD_INTERNAL_ERROR;
	tls_hello_name(ssl, seen_name);
	tls_hello_alpn(ssl, seen_alpn, sizeof seen_alpn);
	seen_ticket = tls_hello_resumes(ssl);
	if (forgets)
		tls_hello_forget(ssl);
	if (flaw ? tls_leaf_flawed(ssl, flaw, seen_name) : tls_hello_present(ssl, seen_name))
		return SSL_CLIENT_HELLO_SUCCESS;
	return SSL_CLIENT_HELLO_ERROR;
}

static struct spec *spec_new(const char *protocol, const char *options)
{
	struct spec *s = spec_make("db");
	char error[ERROR_MAX], why[200];
	json_t *given = json_loads(options, 0, NULL), *value;
	const char *key;

	assert_true(address_parse(&s->listen, "127.0.0.1:7000", why, sizeof why));
	assert_true(address_parse(&s->backend, "db.example:80", why, sizeof why));
	s->protocol = protocol_find(protocol);
	json_object_foreach(given, key, value)
		assert_true(tls_values_set(&s->tls, opt_find(tls_options, key), value, error));
	json_decref(given);
	return s;
}

static struct spec *spec_ready(const char *protocol, const char *options)
{
	struct spec *s = spec_new(protocol, options);
	char error[ERROR_MAX] = "";

	if (!tls_legs_make(s, error))
		fail_msg("%s", error);
	return s;
}

static void begin(void **state)
{
	assert_non_null(mkdtemp(folder));
	tls_identity_place(folder);
	contexts = tls_contexts_create(hello);
}

static void end(void **state)
{
	char path[100];
	const char *const files[] = { "ca.key", "ca.pem" };

	tls_contexts_destroy(contexts);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

/* ---- a client ---- */

struct client {
	SSL_CTX *ctx;
	SSL_SESSION *session;           /* the newest */
	const char *name;               /* SNI, and what is verified; NULL: neither */
	int most;                       /* the highest version; 0: any */
	bool revocation;                /* it has the CA's list */
	/* of the last handshake: */
	bool done, resumed;
	long verified;
	char error[200], alpn[64];
	X509 *leaf;
	bool stapled_revoked;
};

static int session_came(SSL *ssl, SSL_SESSION *session)
{
	struct client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

static void client_init(struct client *c, const char *name)
{
	*c = (struct client){ .ctx = SSL_CTX_new(TLS_client_method()), .name = name };
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), tls_identity()->ca);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, session_came);
}

static void client_free(struct client *c)
{
	SSL_SESSION_free(c->session);
	X509_free(c->leaf);
	SSL_CTX_free(c->ctx);
}

static void list_give(struct client *c)
{
	size_t n;
	char *der = tls_ca_list(&n);
	const unsigned char *at = (unsigned char *)der;
	X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)n);
	X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);

	assert_non_null(list);
	X509_STORE_add_crl(store, list);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c->ctx), X509_V_FLAG_CRL_CHECK);
	X509_CRL_free(list);
	free(der);
}

static bool staple_revoked(SSL *ssl)
{
	const unsigned char *der;
	long n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	OCSP_RESPONSE *response = n > 0 ? d2i_OCSP_RESPONSE(NULL, &der, n) : NULL;
	OCSP_BASICRESP *basic = response ? OCSP_response_get1_basic(response) : NULL;
	STACK_OF(X509) *signers = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();
	bool revoked = false;

	sk_X509_push(signers, tls_identity()->ca);
	X509_STORE_add_cert(store, tls_identity()->ca);
	if (basic && OCSP_basic_verify(basic, signers, store, 0) > 0)
		revoked = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL,
		                                  NULL) == V_OCSP_CERTSTATUS_REVOKED;
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	X509_STORE_free(store);
	sk_X509_free(signers);
	return revoked;
}

static void client_note(struct client *c, SSL *ssl)
{
	const unsigned char *alpn;
	unsigned n;

	c->verified = SSL_get_verify_result(ssl);
	c->resumed = SSL_session_reused(ssl);
	X509_free(c->leaf);
	c->leaf = SSL_get1_peer_certificate(ssl);
	SSL_get0_alpn_selected(ssl, &alpn, &n);
	snprintf(c->alpn, sizeof c->alpn, "%.*s", (int)n, n ? (const char *)alpn : "");
	c->stapled_revoked = staple_revoked(ssl);
}

static void client_error(struct client *c)
{
	const char *why = ERR_reason_error_string(ERR_peek_error());

	snprintf(c->error, sizeof c->error, "%s", why ? why : "");
	ERR_clear_error();
}

/* A handshake with this proxy, in memory. */
static void meet(struct client *c, struct spec *s)
{
	struct tls_context *context = tls_context_get(contexts, s->client_tls, s);
	SSL *server = tls_context_ssl(context, NULL), *ssl = SSL_new(c->ctx);
	BIO *near, *far;
	char byte;

	assert_true(BIO_new_bio_pair(&near, 0, &far, 0));
	SSL_set_bio(server, far, far);
	SSL_set_bio(ssl, near, near);
	SSL_set_connect_state(ssl);
	SSL_set_app_data(ssl, c);
	SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	if (c->most)
		SSL_set_max_proto_version(ssl, c->most);
	if (c->name) {
		SSL_set_tlsext_host_name(ssl, c->name);
		SSL_set1_host(ssl, c->name);
	}
	if (c->session)
		SSL_set_session(ssl, c->session);
	c->done = false;
	c->error[0] = 0;
	ERR_clear_error();
	for (int i = 0; i < 2000 && !c->done; i++) {
		int one = SSL_do_handshake(ssl), result = SSL_get_error(ssl, one);
		if (one <= 0 && !*c->error)
			client_error(c);
		int other = SSL_do_handshake(server);
		ERR_clear_error();
		if (one <= 0 && result != SSL_ERROR_WANT_READ && result != SSL_ERROR_WANT_WRITE)
			break;
		c->done = one > 0 && other > 0;
	}
	if (c->done)
		SSL_read(ssl, &byte, 1);        /* tickets of 1.3 */
	client_note(c, ssl);
	tls_spare(server);
	SSL_free(server);
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
}

static void met(const char *name, struct spec *s, struct client *c)
{
	client_init(c, name);
	meet(c, s);
}

/* ---- good leaves ---- */

static void good_leaves(void **state)
{
	static const char *const types[] = { "{\"client_tls\": \"on\"}",
		"{\"client_tls\": \"on\", \"client_tls_key_type\": \"rsa\","
		" \"client_tls_names\": \"more.example,10.1.2.3,2001:db8::1\"}" };
	static const char *const names[] = { NULL, "localhost", "any.example", "db.example" };
	struct client c;

	for (int i = 0; i < 2; i++) {
		struct spec *s = spec_ready("http", types[i]);
		for (size_t k = 0; k < 4; k++) {
			met(names[k], s, &c);
			assert_true(c.done);
			assert_int_equal(c.verified, X509_V_OK);
			assert_int_equal(X509_check_ip_asc(c.leaf, "127.0.0.1", 0), 1);
			assert_int_equal(X509_check_ip_asc(c.leaf, "::1", 0), 1);
			assert_int_equal(X509_check_host(c.leaf, "db.example", 0, 0, NULL), 1);
			assert_int_equal(X509_check_ip_asc(c.leaf, "2001:db8::1", 0), i);
			assert_int_equal(X509_check_host(c.leaf, "more.example", 0, 0, NULL), i);
			assert_string_equal(EVP_PKEY_get0_type_name(X509_get0_pubkey(c.leaf)),
			                    i ? "RSA" : "EC");
			client_free(&c);
		}
		spec_unref(s);
	}
}

/* What a good leaf has, by the letter of docs/tls.md. */
static void leaf_fields(void **state)
{
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct client c;
	char subject[200];

	met("shop.example", s, &c);
	X509_NAME_oneline(X509_get_subject_name(c.leaf), subject, sizeof subject);
	assert_string_equal(subject, "/CN=shop.example");
	assert_int_equal(X509_get_key_usage(c.leaf), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(c.leaf), XKU_SSL_SERVER);
	assert_int_equal(X509_check_ca(c.leaf), 0);
	assert_null(X509_get0_subject_key_id(c.leaf));
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(c.leaf),
	                                       X509_get0_subject_key_id(tls_identity()->ca)), 0);
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c.leaf), NULL);
	assert_true(BN_num_bits(serial) < 128);
	BN_free(serial);
	assert_int_equal(X509_check_private_key(c.leaf, tls_identity()->ec), 1);
	assert_int_equal(X509_check_private_key(c.leaf, tls_identity()->ca_key), 0);
	client_free(&c);
	spec_unref(s);
}

/* Text in a server name never becomes a name of a certificate. */
static void hostile_names(void **state)
{
	static const char *const names[] = {
		"a,DNS:evil.example", "a:b", "evil.example\nDNS:x", "*.example", "a..b", ".", "..",
		"a b", "\xc3\xa4.example", "x;y", "[::1]",
	};
	char good[TLS_NAME_MAX + 2], name[TLS_NAME_MAX + 1];
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct client c;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		client_init(&c, NULL);
		assert_false(mint_name_good(names[i], strlen(names[i]), name));
		c.name = names[i];
		SSL_CTX_set_verify(c.ctx, SSL_VERIFY_NONE, NULL);
		meet(&c, s);
		assert_string_equal(seen_name, "");
		assert_true(c.done);
		assert_int_equal(X509_check_host(c.leaf, "evil.example", 0, 0, NULL), 0);
		assert_int_equal(X509_check_host(c.leaf, "localhost", 0, 0, NULL), 1);
		client_free(&c);
	}
	memset(good, 'a', sizeof good);
	for (size_t i = 50; i < sizeof good; i += 50)
		good[i] = '.';
	assert_true(mint_name_good(good, TLS_NAME_MAX, name));
	assert_false(mint_name_good(good, TLS_NAME_MAX + 1, name));
	assert_false(mint_name_good(good + 51, 0, name));
	assert_false(mint_name_good("a\0b", 3, name));
	assert_true(mint_name_good("Shop.EXAMPLE.", 13, name));
	assert_string_equal(name, "shop.example");
	spec_unref(s);
}

/* ---- flaws ---- */

static void flaws(void **state)
{
	static const struct {
		const char *name;
		long verified;
		const char *error;              /* NULL: the client is content */
	} rows[] = {
		{ "expired", X509_V_ERR_CERT_HAS_EXPIRED, "certificate verify failed" },
		{ "not_yet_valid", X509_V_ERR_CERT_NOT_YET_VALID, "certificate verify failed" },
		{ "wrong_host", X509_V_ERR_HOSTNAME_MISMATCH, "certificate verify failed" },
		{ "self_signed", X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
		  "certificate verify failed" },
		{ "unknown_ca", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		  "certificate verify failed" },
		{ "incomplete_chain", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		  "certificate verify failed" },
		{ "expired_chain", X509_V_ERR_CERT_HAS_EXPIRED, "certificate verify failed" },
		{ "revoked", X509_V_OK, NULL },
		{ "wrong_usage", X509_V_ERR_INVALID_PURPOSE, "certificate verify failed" },
		{ "no_san", X509_V_OK, NULL },
		{ "weak_key", X509_V_ERR_EE_KEY_TOO_SMALL, "certificate verify failed" },
		{ "weak_signature", X509_V_ERR_CA_MD_TOO_WEAK, "certificate verify failed" },
		{ "huge", X509_V_OK, "excessive message size" },
	};
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct client c;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (int most = TLS1_2_VERSION; most <= TLS1_3_VERSION; most++) {
			assert_string_equal(tls_flaw_names[i], rows[i].name);
			flaw = rows[i].name;
			client_init(&c, "shop.example");
			c.most = most;
			meet(&c, s);
			assert_string_equal(c.error, rows[i].error ? rows[i].error : "");
			assert_int_equal(c.verified, rows[i].verified);
			assert_int_equal(c.done, !rows[i].error);
			assert_int_equal(c.stapled_revoked, !strcmp(flaw, "revoked"));
			client_free(&c);
			flaw = NULL;
		}
	assert_null(tls_flaw_names[sizeof rows / sizeof rows[0]]);
	spec_unref(s);
}

/* A client that has the CA's list rejects the leaf that was revoked, and no other. */
static void revocation(void **state)
{
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct client c;

	met("gone.example", s, &c);
	client_free(&c);
	for (int i = 0; i < 2; i++) {
		flaw = i ? "revoked" : NULL;
		met("gone.example", s, &c);     /* minted, so that the list has it */
		list_give(&c);
		meet(&c, s);
		assert_int_equal(c.verified, i ? X509_V_ERR_CERT_REVOKED : X509_V_OK);
		client_free(&c);
		flaw = NULL;
	}
	spec_unref(s);
}

/* A client with a ticket meets the flaw, too, for it gets a full handshake. */
static void flaw_after_ticket(void **state)
{
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct client c;

	for (int most = TLS1_2_VERSION; most <= TLS1_3_VERSION; most++) {
		client_init(&c, "shop.example");
		c.most = most;
		meet(&c, s);
		assert_true(c.done && !c.resumed);
		meet(&c, s);
		assert_true(c.done && c.resumed && seen_ticket);
		for (int i = 0; i < 3; i++) {   /* each time with a new ticket */
			meet(&c, s);
			assert_true(c.done && c.resumed);
		}
		forgets = true;
		meet(&c, s);
		assert_true(c.done && !c.resumed && seen_ticket);
		forgets = false;
		meet(&c, s);                    /* a ticket that works again */
		flaw = "expired";
		meet(&c, s);
		assert_int_equal(c.verified, X509_V_ERR_CERT_HAS_EXPIRED);
		flaw = NULL;
		client_free(&c);
	}
	spec_unref(s);
}

/* ---- resumption, ALPN, versions ---- */

static void no_tickets(void **state)
{
	static const char *const protocols[] = { "postgres", "http" };
	struct client c;

	for (int i = 0; i < 2; i++)
		for (int most = TLS1_2_VERSION; most <= TLS1_3_VERSION; most++) {
			struct spec *s = spec_ready(protocols[i], i ?
				"{\"client_tls\": \"on\", \"client_tls_tickets\": 0}" :
				"{\"client_tls\": \"on\"}");
			client_init(&c, "shop.example");
			c.most = most;
			meet(&c, s);
			meet(&c, s);
			assert_true(c.done && !c.resumed);
			client_free(&c);
			spec_unref(s);
		}
}

/* Another leg, another key for tickets: what it shows is seen by all. */
static void new_leg_new_tickets(void **state)
{
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct spec *again = spec_copy(s, 0, true);
	char error[ERROR_MAX];
	struct client c;

	met("shop.example", s, &c);
	assert_true(tls_legs_make(again, error));
	assert_ptr_equal(again->client_tls, s->client_tls);     /* nothing has changed */
	json_t *names = json_string("new.example");
	assert_true(tls_values_set(&again->tls, opt_find(tls_options, "client_tls_names"), names,
	                           error));
	json_decref(names);
	assert_true(tls_legs_make(again, error));
	assert_ptr_not_equal(again->client_tls, s->client_tls);
	assert_true(again->client_tls->generation > s->client_tls->generation);
	meet(&c, again);
	assert_true(c.done && !c.resumed);
	client_free(&c);
	spec_unref(again);
	spec_unref(s);
}

static void alpn(void **state)
{
	static const struct { const char *options, *offer, *chosen; } rows[] = {
		{ "{\"client_tls\": \"on\"}", "\x02h2\x08http/1.1", "http/1.1" },
		{ "{\"client_tls\": \"on\"}", "", "" },
		{ "{\"client_tls\": \"on\"}", "\x02h2", NULL },
		{ "{\"client_tls\": \"on\", \"client_tls_alpn\": \"none\"}", "\x02h2", "" },
		{ "{\"client_tls\": \"on\", \"client_tls_alpn\": \"h2,http/1.1\"}",
		  "\x08http/1.1\x02h2", "h2" },
	};
	struct client c;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct spec *s = spec_ready("http", rows[i].options);
		client_init(&c, "shop.example");
		if (*rows[i].offer)
			SSL_CTX_set_alpn_protos(c.ctx, (const unsigned char *)rows[i].offer,
			                        (unsigned)strlen(rows[i].offer));
		meet(&c, s);
		if (rows[i].chosen) {
			assert_true(c.done);
			assert_string_equal(c.alpn, rows[i].chosen);
		} else {
			assert_string_equal(c.error, "tlsv1 alert no application protocol");
		}
		client_free(&c);
		spec_unref(s);
	}
	assert_string_equal(seen_alpn, "http/1.1,h2");
}

static void versions(void **state)
{
	struct spec *s = spec_ready("http",
		"{\"client_tls\": \"on\", \"client_tls_min\": \"1.3\"}");
	struct client c;

	client_init(&c, "shop.example");
	c.most = TLS1_2_VERSION;
	meet(&c, s);
	assert_string_equal(c.error, "tlsv1 alert protocol version");
	client_free(&c);
	spec_unref(s);

	s = spec_ready("http", "{\"client_tls\": \"on\", \"client_tls_min\": \"1.0\"}");
	client_init(&c, "shop.example");
	SSL_CTX_set_security_level(c.ctx, 0);
	SSL_CTX_set_min_proto_version(c.ctx, TLS1_VERSION);
	c.most = TLS1_VERSION;
	meet(&c, s);
	assert_true(c.done);
	client_free(&c);
	spec_unref(s);
}

/* More names than the cache has: each gets its own leaf. */
static void many_names(void **state)
{
	struct spec *s = spec_ready("http", "{\"client_tls\": \"on\"}");
	struct leaf_cache *cache = leaf_cache_create();
	const struct tls_identity *id = tls_identity();
	static const char *const more[] = { "localhost", NULL };
	char name[32];
	const struct leaf *l;

	for (int i = 0; i < LEAVES_MAX + 50; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		struct leaf_wish w = { .id = id, .key = id->ec, .name = name, .names = more,
		                       .flaw = "", .make = leaf_make };
		l = leaf_get(cache, &w);
		assert_non_null(l);
		assert_ptr_equal(leaf_get(cache, &w), l);
		if (i % 100 == 0)
			assert_int_equal(X509_check_host(l->cert, name, 0, 0, NULL), 1);
	}
	leaf_cache_destroy(cache);
	spec_unref(s);
}

/* ---- the CA, RSA ---- */

static void ca_files(void **state)
{
	struct stat is;
	char path[100], error[ERROR_MAX];

	assert_true(tls_ca_make(error));
	snprintf(path, sizeof path, "%s/ca.key", folder);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s/ca.pem", folder);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(is.st_mode & 07777, 0644);
	assert_int_equal(X509_check_ca(tls_identity()->ca), 1);
	assert_int_equal(X509_get_pathlen(tls_identity()->ca), 1);
	assert_int_equal(X509_get_key_usage(tls_identity()->ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	assert_true(CRYPTO_secure_malloc_initialized());
}

static void rsa(void **state)
{
	uint8_t sealed[512], plain[512];
	struct vn_span secret = { (const uint8_t *)"password", 9 };
	struct spec *s = spec_ready("mysql", "{\"backend_tls\": \"on\"}");

	assert_true(vn_rsa_public().n > 400);
	size_t n = vn_rsa_seal(sealed, sizeof sealed, vn_rsa_public(), secret);
	assert_int_equal(n, 256);
	assert_int_equal(vn_rsa_open(plain, sizeof plain, (struct vn_span){ sealed, n }), 9);
	assert_memory_equal(plain, "password", 9);
	assert_int_equal(vn_rsa_open(plain, 100, (struct vn_span){ sealed, n }), 0);
	sealed[3] ^= 1;
	assert_int_equal(vn_rsa_open(plain, sizeof plain, (struct vn_span){ sealed, n }), 0);
	assert_int_equal(vn_rsa_seal(sealed, 100, vn_rsa_public(), secret), 0);
	assert_int_equal(vn_rsa_seal(sealed, sizeof sealed, secret, secret), 0);
	spec_unref(s);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(begin),
	cmocka_unit_test(ca_files),
	cmocka_unit_test(good_leaves),
	cmocka_unit_test(leaf_fields),
	cmocka_unit_test(hostile_names),
	cmocka_unit_test(flaws),
	cmocka_unit_test(revocation),
	cmocka_unit_test(flaw_after_ticket),
	cmocka_unit_test(no_tickets),
	cmocka_unit_test(new_leg_new_tickets),
	cmocka_unit_test(alpn),
	cmocka_unit_test(versions),
	cmocka_unit_test(many_names),
	cmocka_unit_test(rsa),
	cmocka_unit_test(end),
};

SUITE(tls_leaf, tests)
