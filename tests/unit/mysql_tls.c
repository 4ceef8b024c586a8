/* mysql_tls.c - passwords of MySQL between a leg in TLS and one without. */
#include "protocols/mysql_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text_cache.h"
#include "tls/rsa.h"
#include "unit.h"

static const char password[] = "secret of forty bytes, and then a few more",
		  scramble[] = "0123456789abcdefghij";

struct login {
	struct vn_session talk;
	struct vn_buffer scratch, packet;
	struct vn_text_cache texts;
	struct mysql_tls tls;
};

static struct login *login_start(unsigned upgraded)
{
	struct login *l = calloc(1, sizeof *l);

	assert_non_null(l);
	tls_rsa_prepare();
	text_cache_init(&l->texts, TEXT_CACHE_ROOM);
	l->talk = (struct vn_session){ .scratch = &l->scratch, .texts = &l->texts, .owed = true };
	l->tls.upgraded = (uint8_t)upgraded;
	mysql_tls_begin(&l->tls);
	return l;
}

static void login_stop(struct login *l)
{
	text_cache_free(&l->texts);
	buffer_free(&l->scratch);
	buffer_free(&l->packet);
	free(l);
}

static struct vn_span packet(struct login *l, uint8_t seq, const void *payload, size_t n)
{
	buffer_clear(&l->packet);
	buffer_clear(&l->scratch);
	mysql_packet_put(&l->packet, seq, payload, n);
	return vn_buffer_span(&l->packet);
}

/* The server sends this, and the client sees it with this sequence number. */
static void server_sends(struct login *l, uint8_t seq, const void *payload, size_t n, uint8_t seen)
{
	mysql_tls_answer(&l->talk, &l->tls, packet(l, seq, payload, n));
	struct vn_span got = vn_buffer_span(&l->scratch);
	assert_int_equal(got.n, n + MYSQL_HEAD);
	assert_int_equal(got.p[3], seen);
	assert_memory_equal(got.p + MYSQL_HEAD, payload, n);
}

static void method_set(struct login *l, const char *name)
{
	mysql_tls_method(&l->talk, &l->tls,
	                 (struct vn_span){ (const uint8_t *)name, strlen(name) },
	                 (struct vn_span){ (const uint8_t *)scramble, MYSQL_SCRAMBLE });
}

static void scrambled(uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] ^= (uint8_t)scramble[i % MYSQL_SCRAMBLE];
}

/* The password, as the server opens it. */
static void sealed_check(struct vn_span sealed)
{
	uint8_t text[300];
	size_t n = vn_rsa_open(text, sizeof text, sealed);

	assert_int_equal(n, sizeof password);
	scrambled(text, n);
	assert_memory_equal(text, password, n);
}

/* A client in TLS sends its password in clear; a server without TLS gets it by its own key. */
static void clear_to_sealed(const char *method, uint8_t wants_key)
{
	struct login *l = login_start(VN_LEG_CLIENT);
	uint8_t pem[1000] = { 0x01 };
	struct vn_span key = vn_rsa_public(), rest;

	assert_true(key.n && key.n < sizeof pem);
	memcpy(pem + 1, key.p, key.n);
	method_set(l, method);
	if (wants_key == 2)
		server_sends(l, 2, "\x01\x04", 2, 3);

	struct vn_span client = packet(l, 4, password, sizeof password);
	struct vn_cut cut = mysql_tls_request(&l->talk, &l->tls, client);
	assert_true(cut.kind == VN_CUT_PART && cut.replaced && !cut.back);
	assert_int_equal(cut.len, MYSQL_HEAD);
	assert_memory_equal(cut.instead.p, ((uint8_t[]){ 1, 0, 0, 3, wants_key }), 5);

	rest = (struct vn_span){ (const uint8_t *)password, sizeof password };
	assert_true(mysql_tls_waits(&l->tls));
	assert_int_equal(mysql_tls_password(&l->talk, &l->tls, rest).kind, VN_CUT_WAIT);
	mysql_tls_answer(&l->talk, &l->tls, packet(l, 4, pem, key.n + 1));
	assert_int_equal(l->scratch.n, 0);      /* the key is not for the client */
	rest.n--;
	assert_int_equal(mysql_tls_password(&l->talk, &l->tls, rest).kind, VN_CUT_MORE);
	rest.n++;
	cut = mysql_tls_password(&l->talk, &l->tls, rest);
	assert_true(cut.kind == VN_CUT_END && cut.replaced && cut.secret && !cut.back);
	assert_int_equal(cut.len, sizeof password);
	assert_int_equal(cut.instead.p[3], 5);
	sealed_check((struct vn_span){ cut.instead.p + MYSQL_HEAD, cut.instead.n - MYSQL_HEAD });
	assert_false(mysql_tls_waits(&l->tls));
	assert_int_equal(vn_text_cache_get(&l->texts, 1ull << 34).n, 0);
	server_sends(l, 6, "\0\0\0\2\0\0\0", 7, 5);
	login_stop(l);
}

/* A client without TLS asks for a key and gets ours; a server in TLS gets the password. */
static void sealed_to_clear(const char *method, uint8_t wants_key)
{
	struct login *l = login_start(VN_LEG_BACKEND);
	uint8_t text[sizeof password], sealed[512];

	method_set(l, method);
	if (wants_key == 2)
		server_sends(l, 3, "\x01\x04", 2, 2);
	struct vn_cut cut =
		mysql_tls_request(&l->talk, &l->tls, packet(l, 3, &wants_key, 1));
	assert_true(cut.kind == VN_CUT_END && cut.replaced && cut.back && !l->talk.close);
	assert_int_equal(cut.instead.p[3], 4);
	struct vn_span pem = { cut.instead.p + MYSQL_HEAD + 1, cut.instead.n - MYSQL_HEAD - 1 };
	memcpy(text, password, sizeof password);
	scrambled(text, sizeof text);
	size_t n = vn_rsa_seal(sealed, sizeof sealed, pem,
	                       (struct vn_span){ text, sizeof text });
	assert_int_equal(n, 256);
	cut = mysql_tls_request(&l->talk, &l->tls, packet(l, 5, sealed, n));
	assert_true(cut.kind == VN_CUT_END && cut.replaced && cut.secret && !cut.back);
	assert_int_equal(cut.instead.p[3], 4);
	assert_int_equal(cut.instead.n, MYSQL_HEAD + sizeof password);
	assert_memory_equal(cut.instead.p + MYSQL_HEAD, password, sizeof password);
	server_sends(l, 5, "\0\0\0\2\0\0\0", 7, 6);
	login_stop(l);
}

static void test_clear_to_sealed(void **state)
{
	clear_to_sealed("caching_sha2_password", 2);
	clear_to_sealed("sha256_password", 1);
}

static void test_sealed_to_clear(void **state)
{
	sealed_to_clear("caching_sha2_password", 2);
	sealed_to_clear("sha256_password", 1);
}

/* What a key of ours cannot open was sealed by another one. */
static void test_another_key(void **state)
{
	struct login *l = login_start(VN_LEG_BACKEND);
	uint8_t junk[256];

	memset(junk, 0x55, sizeof junk);
	method_set(l, "caching_sha2_password");
	server_sends(l, 3, "\x01\x04", 2, 2);
	struct vn_cut cut = mysql_tls_request(&l->talk, &l->tls, packet(l, 3, "\x02", 1));
	assert_true(cut.back && !l->talk.close);
	cut = mysql_tls_request(&l->talk, &l->tls, packet(l, 5, junk, sizeof junk));
	assert_true(cut.back && l->talk.close && l->talk.notice);
	assert_int_equal(cut.instead.p[MYSQL_HEAD], 0xff);
	login_stop(l);
}

/* The server gives no key: the password goes nowhere. */
static void test_no_key(void **state)
{
	struct login *l = login_start(VN_LEG_CLIENT);

	method_set(l, "caching_sha2_password");
	server_sends(l, 2, "\x01\x04", 2, 3);
	mysql_tls_request(&l->talk, &l->tls, packet(l, 4, password, sizeof password));
	server_sends(l, 4, "\xff\x15\x04", 3, 5);
	mysql_tls_over(&l->tls);
	l->talk.owed = false;
	buffer_clear(&l->scratch);
	struct vn_span rest = { (const uint8_t *)password, sizeof password };
	struct vn_cut cut = mysql_tls_password(&l->talk, &l->tls, rest);
	assert_true(cut.kind == VN_CUT_END && cut.replaced && !cut.instead.n);
	assert_false(mysql_tls_waits(&l->tls));
	login_stop(l);
}

/* Once the server has opened a password itself, or wants another plugin, it is not our affair. */
static void test_clear_password(void **state)
{
	struct login *l = login_start(VN_LEG_CLIENT);

	method_set(l, "mysql_clear_password");
	assert_non_null(l->talk.notice);
	struct vn_cut cut = mysql_tls_request(&l->talk, &l->tls,
	                                      packet(l, 4, password, sizeof password));
	assert_true(cut.kind == VN_CUT_END && cut.secret);
	assert_int_equal(cut.instead.p[3], 3);
	assert_memory_equal(cut.instead.p + MYSQL_HEAD, password, sizeof password);
	login_stop(l);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_clear_to_sealed), cmocka_unit_test(test_sealed_to_clear),
	cmocka_unit_test(test_another_key),     cmocka_unit_test(test_no_key),
	cmocka_unit_test(test_clear_password),
};

SUITE(mysql_tls, tests)
