/* mysql_tls.c - MySQL's login if only one leg has TLS: sequence numbers, and passwords by RSA.
 *
 *   client in TLS, plain backend              plain client, backend in TLS
 *   01 04        -> asks for the password     01 04        ->
 *   password     <-                           02           <- wants the key
 *         we send 02, get 01 PEM                    we send 01 PEM
 *         we send the password, sealed        sealed       <-
 *                                                   we send the password
 *
 * 01 04 is caching_sha2_password's. sha256_password begins with the name of the plugin, and wants
 * the key by 01. */
#include "protocols/mysql_tls.h"

#include <string.h>

enum { OTHER, CACHING, SHA256, CLEAR };

/* The server waits for a password. We have asked it for its key; got it. We have sent ours. */
enum { NONE, PASSWORD, KEY_ASKED, KEY_HERE, KEY_SENT };

enum {
	PASSWORD_MAX = 1024,
	SEALED_MAX = 1024,              /* by a key of 8192 bits */
	SEALED = 256,                   /* by ours */
};

/* in the text cache, the server's key, and its random text; others are below */
#define KEY_KEY (1ull << 34)
#define SCRAMBLE_KEY (KEY_KEY + 1)

static const struct method { const char *name; uint8_t method;
} methods[] = {
	{ "caching_sha2_password", CACHING },
	{ "sha256_password", SHA256 },
	{ "mysql_clear_password", CLEAR },
	{ "dialog", CLEAR },
};

static const char
	IN_CLEAR[] = "a client sends its password in clear, as it is in TLS, and the backend leg "
		     "is not encrypted",
	STORED_KEY[] = "a client without TLS encrypted its password with a key that it has stored, "
		       "which is not Vaurien's: it must ask for the key, or use TLS",
	NO_KEY[] = "the server's RSA key cannot be used for a password";

void mysql_packet_put(struct vn_buffer *o, uint8_t seq, const void *payload, size_t n)
{
	const uint8_t head[MYSQL_HEAD] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
		                           seq };

	vn_buffer_put(o, head, MYSQL_HEAD);
	vn_buffer_put(o, payload, n);
}

bool mysql_tls_waits(const struct mysql_tls *s)
{
	return s->step == KEY_ASKED || s->step == KEY_HERE;
}

void mysql_tls_begin(struct mysql_tls *s)
{
	s->shift = (int8_t)(!!(s->upgraded & VN_LEG_CLIENT) - !!(s->upgraded & VN_LEG_BACKEND));
}

void mysql_tls_over(struct mysql_tls *s)
{
	s->shift = 0;
	if (!mysql_tls_waits(s))        /* else its packet is still to be passed over */
		s->step = NONE;
}

void mysql_tls_forget(struct vn_session *t)
{
	vn_text_cache_drop(t->texts, SCRAMBLE_KEY);
}

/* By this byte a client asks for the key. */
static uint8_t wants_key(const struct mysql_tls *s)
{
	return s->method == CACHING ? 2 : 1;
}

void mysql_tls_method(struct vn_session *t, struct mysql_tls *s, struct vn_span name,
                      struct vn_span scramble)
{
	s->method = OTHER;
	s->step = NONE;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (name.n == strlen(methods[i].name) && !memcmp(name.p, methods[i].name, name.n))
			s->method = methods[i].method;
	if (scramble.n >= MYSQL_SCRAMBLE)
		vn_text_cache_put(t->texts, SCRAMBLE_KEY,
		                  (struct vn_span){ scramble.p, MYSQL_SCRAMBLE });
	if (s->method == SHA256)
		s->step = PASSWORD;
	if (s->method == CLEAR && s->upgraded == VN_LEG_CLIENT)
		t->notice = IN_CLEAR;
}

/* "fe NAME 00 SCRAMBLE": the server wants another plugin; or (02) one more. */
static void method_read(struct vn_session *t, struct mysql_tls *s, struct vn_span payload)
{
	const uint8_t *name = payload.p + 1, *end = memchr(name, 0, payload.n - 1);

	if (!end)
		return;
	size_t n = (size_t)(end - name);
	mysql_tls_method(t, s, (struct vn_span){ name, n },
	                 (struct vn_span){ end + 1, payload.n - 2 - n });
}

void mysql_tls_answer(struct vn_session *t, struct mysql_tls *s, struct vn_span packet)
{
	struct vn_span payload = { packet.p + MYSQL_HEAD, packet.n - MYSQL_HEAD };
	uint8_t first = payload.n ? payload.p[0] : 0xff, seq = packet.p[3];

	if (first == 0x01 && s->step == KEY_ASKED) {
		vn_text_cache_put(t->texts, KEY_KEY,
		                  (struct vn_span){ payload.p + 1, payload.n - 1 });
		s->step = KEY_HERE;
		return;
	}
	if ((first == 0xfe || first == 0x02) && payload.n > 1)
		method_read(t, s, payload);
	if (first == 0x01 && payload.n == 2 && payload.p[1] == 0x04 && s->method == CACHING)
		s->step = PASSWORD;
	mysql_packet_put(t->scratch, (uint8_t)(seq + s->shift), payload.p, payload.n);
}

static struct vn_cut replaced(struct vn_session *t, size_t len)
{
	return (struct vn_cut){ .kind = VN_CUT_END,
		                .len = len,
		                .replaced = true,
		                .secret = true,
		                .instead = vn_buffer_span(t->scratch) };
}

/* The client gets an error, and the connection closes. */
static struct vn_cut rejected(struct vn_session *t, size_t len, uint8_t seq, const char *why)
{
	static const char head[] = "\xff\x51\x04#HY000";       /* 1105: unknown error */
	size_t n = strlen(head), text = strlen(why);
	uint8_t payload[300];

	text = text < sizeof payload - n ? text : sizeof payload - n;
	memcpy(payload, head, n);
	memcpy(payload + n, why, text);
	mysql_packet_put(t->scratch, (uint8_t)(seq + 1), payload, n + text);
	t->notice = why;
	t->close = true;
	struct vn_cut cut = replaced(t, len);
	cut.back = true;
	return cut;
}

/* A password and its 0, and what RSA protects, are each the other with the scramble. */
static void scrambled(struct vn_session *t, uint8_t *text, size_t n)
{
	struct vn_span scramble = vn_text_cache_get(t->texts, SCRAMBLE_KEY);

	for (size_t i = 0; i < n && scramble.n; i++)
		text[i] ^= scramble.p[i % scramble.n];
}

/* In place of the password the server is asked for its key. The password waits. */
static struct vn_cut key_ask(struct vn_session *t, struct mysql_tls *s, struct vn_span packet)
{
	uint8_t byte = wants_key(s);

	s->step = KEY_ASKED;
	s->waiting = (uint16_t)(packet.n - MYSQL_HEAD);
	s->seq = packet.p[3];
	mysql_packet_put(t->scratch, (uint8_t)(s->seq - s->shift), &byte, 1);
	struct vn_cut cut = replaced(t, MYSQL_HEAD);
	cut.kind = VN_CUT_PART;
	return cut;
}

struct vn_cut mysql_tls_password(struct vn_session *t, struct mysql_tls *s, struct vn_span in)
{
	uint8_t text[PASSWORD_MAX], sealed[SEALED_MAX];

	if (s->step == KEY_ASKED && t->owed)
		return (struct vn_cut){ .kind = VN_CUT_WAIT };
	if (in.n < s->waiting)
		return vn_cut_more();
	bool here = s->step == KEY_HERE && t->owed;
	s->step = NONE;
	if (!here)                      /* the server has said no */
		return replaced(t, s->waiting);
	memcpy(text, in.p, s->waiting);
	scrambled(t, text, s->waiting);
	size_t n = vn_rsa_seal(sealed, sizeof sealed, vn_text_cache_get(t->texts, KEY_KEY),
	                       (struct vn_span){ text, s->waiting });
	vn_cleanse(text, sizeof text);
	vn_text_cache_drop(t->texts, KEY_KEY);
	if (!n)
		return rejected(t, s->waiting, s->seq, NO_KEY);
	s->shift -= 2;
	mysql_packet_put(t->scratch, (uint8_t)(s->seq - s->shift), sealed, n);
	return replaced(t, s->waiting);
}

static struct vn_cut key_send(struct vn_session *t, struct mysql_tls *s, struct vn_span packet)
{
	struct vn_span key = vn_rsa_public();
	uint8_t payload[2048] = { 0x01 };

	if (!key.n || key.n >= sizeof payload)
		return rejected(t, packet.n, packet.p[3], NO_KEY);
	memcpy(payload + 1, key.p, key.n);
	mysql_packet_put(t->scratch, (uint8_t)(packet.p[3] + 1), payload, key.n + 1);
	s->step = KEY_SENT;
	struct vn_cut cut = replaced(t, packet.n);
	cut.back = true;
	return cut;
}

static struct vn_cut password_open(struct vn_session *t, struct mysql_tls *s,
                                   struct vn_span packet)
{
	uint8_t text[PASSWORD_MAX];
	size_t n = vn_rsa_open(text, sizeof text, (struct vn_span){ packet.p + MYSQL_HEAD,
	                                                            packet.n - MYSQL_HEAD });

	s->step = NONE;
	if (!n)
		return rejected(t, packet.n, packet.p[3], STORED_KEY);
	scrambled(t, text, n);
	s->shift += 2;
	mysql_packet_put(t->scratch, (uint8_t)(packet.p[3] - s->shift), text, n);
	vn_cleanse(text, sizeof text);
	return replaced(t, packet.n);
}

struct vn_cut mysql_tls_request(struct vn_session *t, struct mysql_tls *s, struct vn_span packet)
{
	const uint8_t *p = packet.p + MYSQL_HEAD;
	size_t n = packet.n - MYSQL_HEAD;
	bool clear = s->upgraded == VN_LEG_CLIENT;

	if (s->step == KEY_SENT)
		return password_open(t, s, packet);
	if (s->step == PASSWORD) {
		if (clear && n > 1 && n <= PASSWORD_MAX && !p[n - 1])
			return key_ask(t, s, packet);
		if (!clear && n == 1 && p[0] == wants_key(s))
			return key_send(t, s, packet);
		if (!clear && n == SEALED)
			return rejected(t, packet.n, packet.p[3], STORED_KEY);
		s->step = NONE;
	}
	mysql_packet_put(t->scratch, (uint8_t)(packet.p[3] - s->shift), p, n);
	return replaced(t, packet.n);
}
