/* tls_strike.c - tests of what a strike does to records: where it holds them, how it ends, what it
 * spoils. The handshake is in memory, the records are made up. */
#include "tls/strike.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <string.h>

#include "unit.h"

#define SPAN(text) ((struct vn_span){ (const uint8_t *)(text), sizeof(text) - 1 })
#define DATA "\x17\3\3\0\6abcdef"       /* a record with data */

enum { HELLO_N = 5 + 44, DATA_N = 11 };

static SSL_CTX *server_context, *client_context;
static SSL *server;
static uint8_t hello[HELLO_N];          /* a ServerHello */

static void contexts_begin(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	assert_true(X509_sign(x, key, EVP_sha256()));
	server_context = SSL_CTX_new(TLS_server_method());
	client_context = SSL_CTX_new(TLS_client_method());
	assert_true(SSL_CTX_use_cert_and_key(server_context, x, key, NULL, 1));
	X509_free(x);
	EVP_PKEY_free(key);
	memcpy(hello, "\x16\3\3\0\x2c\2\0\0\x28\3\3", 11);
	memset(hello + 11, 7, sizeof hello - 11);
}

static void contexts_end(void **state)
{
	SSL_CTX_free(server_context);
	SSL_CTX_free(client_context);
}

/* The strike of a server, before its handshake, or behind it. */
static struct tls_strike *struck(const struct vn_tls *t, bool shaken)
{
	struct tls_strike *s = NULL;
	int alert = 0;

	server = SSL_new(server_context);
	if (shaken) {
		SSL *client = SSL_new(client_context);
		BIO *near, *far;
		assert_true(BIO_new_bio_pair(&near, 0, &far, 0));
		SSL_set_bio(server, far, far);
		SSL_set_bio(client, near, near);
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		for (int i = 0; i < 10 && !SSL_is_init_finished(server); i++) {
			SSL_do_handshake(client);
			SSL_do_handshake(server);
		}
		assert_true(SSL_is_init_finished(server));
		SSL_free(client);
	}
	assert_int_equal(tls_strike_hello(server, t, "", SPAN("plain"), &s, &alert),
	                 !(t->alert || t->plain));
	return s;
}

static void done(struct tls_strike *s)
{
	tls_strike_free(s);
	SSL_free(server);
}

static size_t wrote(struct tls_strike *s, const void *bytes, size_t n)
{
	return tls_strike_wrote(s, server, (struct vn_span){ bytes, n }).n;
}

/* ---- places ---- */

static void nothing_to_do(void **state)
{
	assert_null(struck(&(struct vn_tls){ 0 }, false));
	done(NULL);
}

static void stall_at_the_client_hello(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){ .stall = VN_TLS_AT_CLIENT_HELLO }, false);

	assert_int_equal(wrote(s, hello, HELLO_N), HELLO_N);
	assert_int_equal(tls_strike_allows(s, HELLO_N), 0);
	assert_true(tls_strike_waits(s, TLS_STALL));
	assert_int_equal(tls_strike_end(s), VN_STAY);
	tls_strike_drop(s, TLS_STALL);
	assert_int_equal(tls_strike_allows(s, HELLO_N), HELLO_N);
	assert_false(tls_strike_waits(s, TLS_STALL));
	done(s);
}

/* The ServerHello comes in two pieces of the socket, with a record behind it. */
static void stall_at_the_server_hello(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){ .stall = VN_TLS_AT_SERVER_HELLO }, false);
	uint8_t flight[HELLO_N + DATA_N];

	memcpy(flight, hello, HELLO_N);
	memcpy(flight + HELLO_N, DATA, DATA_N);
	wrote(s, flight, sizeof flight);
	assert_int_equal(tls_strike_allows(s, 10), 10);
	tls_strike_left(s, 10);
	assert_false(tls_strike_waits(s, TLS_STALL));
	assert_int_equal(tls_strike_allows(s, sizeof flight - 10), HELLO_N - 10);
	tls_strike_left(s, HELLO_N - 10);
	assert_true(tls_strike_waits(s, TLS_STALL));
	assert_int_equal(tls_strike_allows(s, DATA_N), 0);
	done(s);
}

static void a_retry_is_no_server_hello(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){ .stall = VN_TLS_AT_SERVER_HELLO }, false);
	uint8_t retry[HELLO_N];

	memcpy(retry, hello, sizeof retry);
	memcpy(retry + 11, "\xCF\x21\xAD\x74", 4);
	wrote(s, retry, sizeof retry);
	assert_int_equal(tls_strike_allows(s, sizeof retry), sizeof retry);
	tls_strike_left(s, sizeof retry);
	wrote(s, hello, HELLO_N);
	assert_int_equal(tls_strike_allows(s, HELLO_N), HELLO_N);
	tls_strike_left(s, HELLO_N);
	assert_int_equal(tls_strike_allows(s, 1), 0);
	done(s);
}

/* The delay comes first, then the end, at one place. */
static void late_and_then_broken(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){
		.late = VN_TLS_AT_SERVER_HELLO, .hold = 1,
		.breaks = VN_TLS_AT_SERVER_HELLO, .end = VN_RESET }, false);

	assert_int_equal(tls_strike_end(s), VN_STAY);
	wrote(s, hello, HELLO_N);
	tls_strike_left(s, HELLO_N);
	assert_true(tls_strike_waits(s, TLS_LATE));
	assert_int_equal(tls_strike_end(s), VN_STAY);
	tls_strike_drop(s, TLS_LATE);
	assert_int_equal(tls_strike_end(s), VN_RESET);
	done(s);
}

/* ---- answers in place of TLS ---- */

static void alert_or_plain(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){ .alert = "internal_error" }, false);
	struct vn_span out = tls_strike_wrote(s, server, SPAN(DATA));

	assert_int_equal(out.n, 7);
	assert_memory_equal(out.p, "\x15\3\3\0\2\2\x50", 7);
	assert_int_equal(wrote(s, DATA, DATA_N), 0);
	assert_int_equal(tls_strike_end(s), VN_STAY);   /* it has not left yet */
	tls_strike_left(s, 7);
	assert_int_equal(tls_strike_end(s), VN_CLOSE);
	assert_true(tls_strike_mute(s));
	done(s);

	s = struck(&(struct vn_tls){ .plain = true }, false);
	out = tls_strike_wrote(s, server, SPAN(DATA));
	assert_int_equal(out.n, 5);
	assert_memory_equal(out.p, "plain", 5);
	done(s);
}

/* ---- records behind the handshake ---- */

static void truncated(void **state)
{
	struct tls_strike *s = struck(&(struct vn_tls){ .truncate = true, .after = 5 }, true);

	assert_int_equal(tls_strike_plain(s, 3), 3);
	assert_int_equal(wrote(s, DATA, DATA_N), DATA_N);
	assert_int_equal(tls_strike_plain(s, 9), 2);
	assert_int_equal(wrote(s, DATA, DATA_N), DATA_N);
	tls_strike_left(s, 2 * DATA_N);
	assert_int_equal(tls_strike_plain(s, 7), 7);    /* these go into the record that is cut */
	assert_int_equal(wrote(s, DATA, DATA_N), DATA_N / 2);
	assert_int_equal(tls_strike_end(s), VN_STAY);
	tls_strike_left(s, DATA_N / 2);
	assert_int_equal(tls_strike_end(s), VN_CLOSE);
	assert_int_equal(wrote(s, DATA, DATA_N), 0);
	done(s);
}

static void spoilt(void **state)
{
	static const struct { const char *what, *second; } rows[] = {
		{ "mac", "\x17\3\3\0\6abcdeg" }, { "type", "\x63\3\3\0\6abcdef" },
		{ "length", "\x17\3\3\xff\6abcdef" },
	};

	for (int i = 0; i < 3; i++) {
		struct vn_tls t = { .corrupt = rows[i].what, .nth = 2, .corrupted = VN_RESPONSE };
		struct tls_strike *s = struck(&t, true);
		struct vn_span out = tls_strike_wrote(s, server, SPAN(DATA DATA DATA));
		assert_int_equal(out.n, 3 * DATA_N);
		assert_memory_equal(out.p, DATA, DATA_N);
		assert_memory_equal(out.p + DATA_N, rows[i].second, DATA_N);
		assert_memory_equal(out.p + 2 * DATA_N, DATA, DATA_N);
		done(s);

		/* of those that arrive OpenSSL reads the head, and then the body */
		t.corrupted = VN_REQUEST;
		s = struck(&t, true);
		for (int k = 0; k < 3; k++) {
			uint8_t in[] = DATA;
			tls_strike_reads(s, server, in, 5);
			tls_strike_reads(s, server, in + 5, DATA_N - 5);
			assert_memory_equal(in, k == 1 ? rows[i].second : DATA, DATA_N);
		}
		tls_strike_drop(s, TLS_CORRUPT);
		done(s);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(contexts_begin),
	cmocka_unit_test(nothing_to_do),
	cmocka_unit_test(stall_at_the_client_hello),
	cmocka_unit_test(stall_at_the_server_hello),
	cmocka_unit_test(a_retry_is_no_server_hello),
	cmocka_unit_test(late_and_then_broken),
	cmocka_unit_test(alert_or_plain),
	cmocka_unit_test(truncated),
	cmocka_unit_test(spoilt),
	cmocka_unit_test(contexts_end),
};

SUITE(tls_strike, tests)
