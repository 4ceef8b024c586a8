/* strike.c - carries out a struct vn_tls on the records of a handshake, and on those behind it.
 *
 * What leaves is counted from the first byte of our answer. A part that holds bytes back has a
 * `gate`: the offset that they do not pass. The lowest gate counts. */
#include "tls/strike.h"

#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "tls/strike_shown.h"

enum { GATES = TLS_BREAK + 1, HEAD = 5 };

#define NO_GATE UINT64_MAX
#define NO_LIMIT UINT64_MAX

/* The framing of a stream of records: where in one it is. */
struct framing {
	uint8_t head[HEAD];             /* of the record under way */
	unsigned head_n;                /* bytes of it that have come */
	size_t body;                    /* bytes of the record that are still to come */
	uint64_t data;                  /* records with data, this one included */
};

struct tls_strike {
	enum vn_tls_place place[GATES]; /* where the part holds bytes; NONE: it does not */
	uint64_t gate[GATES];           /* NO_GATE: its place is not reached */
	uint64_t written, left;         /* bytes of our answer, so far */
	uint64_t last;                  /* where the last record begins */
	struct framing out, in;
	bool finished;                  /* our Finished is written */
	bool hello;                     /* ... our ServerHello */
	struct vn_buffer answer;        /* it takes the place of all that OpenSSL writes */
	bool answers, answered;
	struct vn_buffer edited;        /* of tls_strike_wrote() */
	enum vn_end end;                /* of TLS_BREAK */
	bool truncates;
	uint64_t plain;                 /* plain bytes that still pass; NO_LIMIT */
	bool cuts;                      /* the record to come is cut in its middle */
	bool ends;                      /* nothing more is written, and the connection ends */
	char spoils;                    /* 'm', 'l', 't': of a record; 0: nothing */
	enum vn_direction spoilt;       /* such records leave or arrive */
	uint64_t nth;
	bool now;                       /* the record that arrives is the one */
};

/* ---- life ---- */

static void strike_finished(int write, int version, int type, const void *bytes, size_t n, SSL *ssl,
                            void *strike)
{
	struct tls_strike *s = strike;

	if (write && type == SSL3_RT_HANDSHAKE && n && *(const uint8_t *)bytes == SSL3_MT_FINISHED)
		s->finished = true;
}

static struct tls_strike *strike_make(SSL *ssl, const struct vn_tls *t)
{
	struct tls_strike *s = xcalloc(1, sizeof *s);

	s->end = t->end;
	s->truncates = t->truncate;
	s->plain = t->truncate && t->after ? t->after : NO_LIMIT;
	s->spoils = t->corrupt ? *t->corrupt : 0;
	s->spoilt = t->corrupted;
	s->nth = t->nth;
	s->place[TLS_STALL] = t->stall;
	s->place[TLS_LATE] = t->hold ? t->late : VN_TLS_AT_NONE;
	s->place[TLS_BREAK] = t->end ? t->breaks : VN_TLS_AT_NONE;
	for (unsigned i = 0; i < GATES; i++)
		s->gate[i] = s->place[i] == VN_TLS_AT_CLIENT_HELLO ? 0 : NO_GATE;
	SSL_set_msg_callback(ssl, strike_finished);
	SSL_set_msg_callback_arg(ssl, s);
	return s;
}

void tls_strike_free(struct tls_strike *s)
{
	if (!s)
		return;
	buffer_free(&s->answer);
	buffer_free(&s->edited);
	free(s);
}

/* ---- the ClientHello ---- */

static bool strike_lasts(const struct vn_tls *t)
{
	return t->stall || (t->late && t->hold) || (t->breaks && t->end) || t->truncate ||
	       t->corrupt;
}

/* Random bytes that look like no record. */
static void junk_put(struct vn_buffer *to)
{
	uint8_t junk[64];

	RAND_bytes(junk, sizeof junk);
	junk[0] |= 0x80;
	vn_buffer_put(to, junk, sizeof junk);
}

static int strike_answers(struct tls_strike *s, const struct vn_tls *t, struct vn_span plain,
                          int alert)
{
	s->answers = s->ends = true;
	if (t->plain && plain.p)
		vn_buffer_put(&s->answer, plain.p, plain.n);
	else if (t->plain)
		junk_put(&s->answer);
	else
		vn_buffer_put(&s->answer, (uint8_t[]){ SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL,
		                                       (uint8_t)alert }, 7);
	return SSL_CLIENT_HELLO_ERROR;
}

int tls_strike_hello(SSL *ssl, const struct vn_tls *t, const char *name, struct vn_span plain,
                     struct tls_strike *strike[1], int *alert)
{
	int own = strike_alert(t);
	bool answers = t->plain || own >= 0;

	*strike = answers || strike_lasts(t) ? strike_make(ssl, t) : NULL;
	if (answers) {
		*alert = SSL_AD_HANDSHAKE_FAILURE;
		return strike_answers(*strike, t, plain, own);
	}
	*alert = SSL_AD_INTERNAL_ERROR;
	return strike_shown(ssl, t, name) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* ---- records ---- */

/* Takes bytes up to the end of a record. Returns how many; *begins: with its first one. */
static size_t framing_take(struct framing *f, const uint8_t *bytes, size_t n, bool *begins)
{
	size_t took = 0;

	*begins = !f->head_n && !f->body;
	while (f->head_n < HEAD && took < n) {
		f->head[f->head_n++] = bytes[took++];
		if (f->head_n == HEAD)
			f->body = (size_t)f->head[3] << 8 | f->head[4];
	}
	size_t more = f->head_n < HEAD ? 0 : f->body < n - took ? f->body : n - took;
	f->body -= more;
	return took + more;
}

/* True: the record is whole, and the next one may begin. */
static bool framing_ends(struct framing *f)
{
	if (f->head_n < HEAD || f->body)
		return false;
	f->head_n = 0;
	return true;
}

/* A ServerHello, not a HelloRetryRequest, in one piece. */
static bool is_server_hello(const uint8_t *record, size_t n)
{
	static const uint8_t retry[] = { 0xCF, 0x21, 0xAD, 0x74 };

	return n > HEAD + 10 && record[0] == SSL3_RT_HANDSHAKE &&
	       record[HEAD] == SSL3_MT_SERVER_HELLO && memcmp(record + HEAD + 6, retry, 4) != 0;
}

static void places_reached(struct tls_strike *s, enum vn_tls_place place, uint64_t at)
{
	for (unsigned i = 0; i < GATES; i++)
		if (s->place[i] == place && s->gate[i] == NO_GATE)
			s->gate[i] = at;
}

/* Spoils a part of a record: bytes `at`.. of it; `ends`: it ends with them. */
static void piece_spoil(char what, uint8_t *bytes, size_t at, size_t n, bool ends)
{
	if (what == 't' && at == 0)
		bytes[0] = 0x63;
	if (what == 'l' && at <= 3 && at + n > 3)
		bytes[3 - at] = 0xff;   /* more than a record may have */
	if (what == 'm' && ends)
		bytes[n - 1] ^= 0x01;
}

/* Is this the record with data to be spoilt? */
static bool framing_counts(struct tls_strike *s, struct framing *f, enum vn_direction d,
                           const SSL *ssl)
{
	if (f->head[0] != SSL3_RT_APPLICATION_DATA || !SSL_is_init_finished(ssl))
		return false;
	return ++f->data == s->nth && s->spoils && s->spoilt & d;
}

/* One record, or a part of one. Behind the handshake OpenSSL writes whole ones. */
static void piece_wrote(struct tls_strike *s, const SSL *ssl, uint8_t *bytes, size_t n, bool begins)
{
	if (begins)
		s->last = s->written;
	s->written += n;
	if (!framing_ends(&s->out))
		return;
	if (!s->hello && begins && is_server_hello(bytes, n)) {
		s->hello = true;
		places_reached(s, VN_TLS_AT_SERVER_HELLO, s->written);
	}
	if (begins && framing_counts(s, &s->out, VN_RESPONSE, ssl))
		piece_spoil(s->spoils, bytes, 0, n, true);
}

/* The record behind the last plain byte: half of it leaves. */
static void edited_cut(struct tls_strike *s, size_t n)
{
	size_t half = n / 2;

	s->edited.n -= n - half;
	s->written -= n - half;
	s->cuts = false;
	s->ends = true;
}

struct vn_span tls_strike_wrote(struct tls_strike *s, const SSL *ssl, struct vn_span bytes)
{
	bool begins;

	if (s->answers) {
		if (s->answered)
			return (struct vn_span){ NULL, 0 };
		s->answered = true;
		s->written = s->answer.n;
		return vn_buffer_span(&s->answer);
	}
	if (s->ends)
		return (struct vn_span){ NULL, 0 };
	buffer_clear(&s->edited);
	vn_buffer_put(&s->edited, bytes.p, bytes.n);
	for (size_t at = 0, n; at < bytes.n; at += n) {
		n = framing_take(&s->out, s->edited.p + at, bytes.n - at, &begins);
		piece_wrote(s, ssl, s->edited.p + at, n, begins);
	}
	if (s->cuts && SSL_is_init_finished(ssl))
		edited_cut(s, bytes.n);
	return vn_buffer_span(&s->edited);
}

/* OpenSSL asks for a head, and then for its body: a record comes in pieces. */
void tls_strike_reads(struct tls_strike *s, const SSL *ssl, uint8_t *bytes, size_t n)
{
	bool begins;

	for (size_t at = 0, took; s->spoilt & VN_REQUEST && at < n; at += took) {
		size_t head = s->in.head_n;
		took = framing_take(&s->in, bytes + at, n - at, &begins);
		if (begins)
			s->now = framing_counts(s, &s->in, VN_REQUEST, ssl);
		bool ends = framing_ends(&s->in);
		if (s->now && s->spoils)
			piece_spoil(s->spoils, bytes + at, head, took, ends);
	}
}

/* ---- what may leave ---- */

/* The last record of a flight is known when the flight is written. */
static void finished_reached(struct tls_strike *s)
{
	if (s->finished)
		places_reached(s, VN_TLS_AT_FINISHED, s->last);
}

static uint64_t lowest_gate(const struct tls_strike *s)
{
	uint64_t low = NO_GATE;

	for (unsigned i = 0; i < GATES; i++)
		if (s->place[i] && s->gate[i] < low)
			low = s->gate[i];
	return low;
}

size_t tls_strike_allows(struct tls_strike *s, size_t n)
{
	finished_reached(s);
	uint64_t low = lowest_gate(s);

	return low <= s->left ? 0 : low - s->left < n ? (size_t)(low - s->left) : n;
}

void tls_strike_left(struct tls_strike *s, size_t n)
{
	s->left += n;
}

static bool reached(const struct tls_strike *s, enum tls_part part)
{
	return s->place[part] && s->gate[part] <= s->left && lowest_gate(s) == s->gate[part];
}

bool tls_strike_waits(const struct tls_strike *s, enum tls_part part)
{
	return (unsigned)part < GATES && reached(s, part);
}

enum vn_end tls_strike_end(const struct tls_strike *s)
{
	bool over = s->ends || !s->plain;

	if (over && s->left == s->written && (!s->answers || s->answered))
		return VN_CLOSE;
	bool waits = reached(s, TLS_LATE) || reached(s, TLS_STALL);
	return reached(s, TLS_BREAK) && !waits ? s->end : VN_STAY;
}

/* ---- plain bytes ---- */

size_t tls_strike_plain(struct tls_strike *s, size_t n)
{
	if (s->plain == NO_LIMIT)
		return n;
	if (!s->plain) {
		s->cuts = true;
		return n < SSL3_RT_MAX_PLAIN_LENGTH ? n : SSL3_RT_MAX_PLAIN_LENGTH;
	}
	n = n < s->plain ? n : (size_t)s->plain;
	s->plain -= n;
	return n;
}

bool tls_strike_mute(const struct tls_strike *s)
{
	return s->truncates || s->answers;
}

void tls_strike_drop(struct tls_strike *s, enum tls_part part)
{
	if ((unsigned)part < GATES) {
		s->place[part] = VN_TLS_AT_NONE;
	} else if (part == TLS_CORRUPT) {
		s->spoils = 0;
	} else if (part == TLS_TRUNCATE) {
		s->truncates = false;
		s->plain = NO_LIMIT;
	}
}
