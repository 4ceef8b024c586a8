/* dns.c - DNS over UDP and TCP: questions, their answers by ID, the errors of a name server.
 *
 *   message: ID:2 flags:2 counts:4x2, question: name type:2 class:2, then records
 *   TCP:     length:2 before each message; answers come in any order
 *
 * An answer belongs to the question with its ID, if it repeats that question: upper and lower case
 * do not count. Questions that are not one look-up (UPDATE, NOTIFY, transfers) pass, and so do
 * their answers. */
#include <stdio.h>
#include <string.h>

#include "vaurien.h"

enum {
	HEAD = 12,
	NAME_MAX_DNS = 255,
	QUESTION_MAX = NAME_MAX_DNS + 4,
	WHOLE_MAX = 65534,              /* bytes of a message on TCP that fit one call */
	SUBJECT = 1100,                 /* a name has at most 255 bytes, each 4 as text */
	OUR_SIZE = 1232,                /* of a datagram, in our EDNS */
	TYPE_A = 1, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_IXFR = 251, TYPE_AXFR = 252,
	FLAG_QR = 0x8000, FLAG_TC = 0x0200, FLAG_RD = 0x0100, FLAG_RA = 0x0080, FLAG_CD = 0x0010,
	OPCODE = 0x7800,
};

static const uint32_t HUGE_TTL = 0x7fffffff;

enum {
	IS_EDNS    = VN_IS_OWN << 0,       /* the question has an OPT record */
	IS_ADDRESS = VN_IS_OWN << 1,       /* of type A or AAAA */
};

static const char *const own[] = { "look-ups with EDNS", "look-ups of addresses", NULL };

enum fault {                            /* what failure.number says */
	SAYS_CODE = 0,                  /* and above: the response code */
	SAYS_TRUNCATED = 100, SAYS_NO_EDNS, SAYS_OVERLOAD,
	/* these edit the answer */
	EDITS = 200, EDIT_ID = EDITS, EDIT_QUESTION, EDIT_TTL_ZERO, EDIT_TTL_HUGE, EDIT_ADDRESS,
};

struct dns {                            /* the state of a connection */
	char subject[SUBJECT];
	uint64_t kept;                  /* texts that were stored, see refuse() */
	bool others;                    /* questions that are no look-ups have passed */
};

/* ---- reading ---- */

struct message {
	const uint8_t *p;               /* without TCP's length */
	size_t n;                       /* at hand */
	unsigned id, flags, counts[4];
	size_t question;                /* bytes of the question; 0: there is not one */
	unsigned type, class;
};

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The bytes of a name without compression. 0: it is none, or not all at hand. */
static size_t name_length(const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n && at < NAME_MAX_DNS; at += p[at] + 1u) {
		if (!p[at])
			return at + 1;
		if (p[at] > 63)
			return 0;
	}
	return 0;
}

/* The same for a name that may end with a pointer. */
static size_t name_skip(const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += p[at] + 1u) {
		if (!p[at])
			return at + 1;
		if (p[at] >= 0xc0)
			return at + 2 <= n ? at + 2 : 0;
		if (p[at] > 63)
			return 0;
	}
	return 0;
}

/* False: there is no head. */
static bool message_read(struct message *m, const uint8_t *p, size_t n)
{
	*m = (struct message){ .p = p, .n = n };
	if (n < HEAD)
		return false;
	m->id = be16(p);
	m->flags = be16(p + 2);
	for (unsigned i = 0; i < 4; i++)
		m->counts[i] = be16(p + 4 + 2 * i);
	size_t name = m->counts[0] == 1 ? name_length(p + HEAD, n - HEAD) : 0;
	if (name && n - HEAD >= name + 4) {
		m->question = name + 4;
		m->type = be16(p + HEAD + name);
		m->class = be16(p + HEAD + name + 2);
	}
	return true;
}

struct record { size_t at; unsigned type; size_t data, length; };       /* offsets */

/* The record at *at, which moves behind it. False: it is not one. */
static bool record_next(const struct message *m, size_t *at, struct record *r)
{
	size_t name = *at < m->n ? name_skip(m->p + *at, m->n - *at) : 0;

	if (!name || m->n - *at < name + 10)
		return false;
	r->at = *at + name;
	r->type = be16(m->p + r->at);
	r->data = r->at + 10;
	r->length = be16(m->p + r->at + 8);
	if (m->n - r->data < r->length)
		return false;
	*at = r->data + r->length;
	return true;
}

/* The OPT record of a question; false: it has none. */
static bool opt_find(const struct message *m, struct record *r)
{
	size_t at = HEAD + m->question;
	unsigned n = m->counts[1] + m->counts[2] + m->counts[3];

	for (unsigned i = 0; m->question && i < n && record_next(m, &at, r); i++)
		if (r->type == TYPE_OPT)
			return true;
	return false;
}

/* 63 bits; names are compared without regard to case. */
static uint64_t question_hash(const struct message *m)
{
	uint8_t lower[QUESTION_MAX];
	size_t name = m->question - 4;

	for (size_t i = 0; i < m->question; i++) {
		uint8_t c = m->p[HEAD + i];
		lower[i] = i < name && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
	}
	return vn_hash(0, (struct vn_span){ lower, m->question }) >> 1;
}

/* ---- as text ---- */

static const struct { unsigned type; const char *name; } types[] = {
	{ 1, "A" }, { 2, "NS" }, { 5, "CNAME" }, { 6, "SOA" }, { 12, "PTR" }, { 13, "HINFO" },
	{ 15, "MX" }, { 16, "TXT" }, { 28, "AAAA" }, { 29, "LOC" }, { 33, "SRV" }, { 35, "NAPTR" },
	{ 39, "DNAME" }, { 43, "DS" }, { 44, "SSHFP" }, { 46, "RRSIG" }, { 47, "NSEC" },
	{ 48, "DNSKEY" }, { 50, "NSEC3" }, { 52, "TLSA" }, { 64, "SVCB" }, { 65, "HTTPS" },
	{ 251, "IXFR" }, { 252, "AXFR" }, { 255, "ANY" }, { 256, "URI" }, { 257, "CAA" },
};

static int type_show(unsigned type, char *to, size_t room)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].type == type)
			return snprintf(to, room, "%s ", types[i].name);
	return snprintf(to, room, "TYPE%u ", type);
}

/* In lower case, since some resolvers mix it. */
static size_t byte_show(uint8_t c, char *to)
{
	if (c >= 'A' && c <= 'Z')
		c = (uint8_t)(c + 32);
	if (c > ' ' && c < 127 && c != '.' && c != '\\') {
		*to = (char)c;
		return 1;
	}
	return (size_t)snprintf(to, 5, "\\%03u", c);
}

/* "A db.example.com"; "NS ." */
static struct vn_span subject_show(struct dns *s, const struct message *m)
{
	const uint8_t *name = m->p + HEAD;
	char *to = s->subject;
	size_t n = (size_t)type_show(m->type, to, SUBJECT);

	if (!*name)
		to[n++] = '.';
	for (const char *dot = ""; *name; name += *name + 1, dot = ".") {
		if (*dot)
			to[n++] = '.';
		for (unsigned i = 1; i <= *name; i++)
			n += byte_show(name[i], to + n);
	}
	return (struct vn_span){ (uint8_t *)to, n };
}

/* ---- cutting ---- */

/* The message without TCP's length. False: *cut is what to return. `wanted`: so many bytes of it,
 * or all, must be at hand. */
static bool frame_read(const struct vn_session *t, struct vn_span in, size_t wanted,
                       struct vn_span *message, struct vn_cut *cut)
{
	*cut = vn_cut_more();
	if (t->datagram) {
		*message = in;
		*cut = (struct vn_cut){ VN_CUT_END, in.n };
		return true;
	}
	if (in.n < 2)
		return false;
	size_t n = be16(in.p), here = in.n - 2 < n ? in.n - 2 : n;
	if (here < n && here < wanted)
		return false;
	*message = (struct vn_span){ in.p + 2, here };
	*cut = (struct vn_cut){ VN_CUT_END, n + 2 };
	return true;
}

/* On TCP: what is plainly something else need not come whole. */
static bool begins_as_dns(const struct vn_session *t, struct vn_span in)
{
	bool tls = in.n >= 3 && in.p[0] == 0x16 && in.p[1] == 3 && in.p[2] <= 4;
	bool dns = in.n < 2 + HEAD || !(be16(in.p + 4) & FLAG_QR);

	return t->datagram || (!tls && dns);
}

static struct vn_cut request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct dns *s = t->state;
	struct vn_span bytes;
	struct vn_cut cut;
	struct message q;
	struct record opt;

	if (begins_as_dns(t, in) && !frame_read(t, in, WHOLE_MAX, &bytes, &cut))
		return cut;
	if (!begins_as_dns(t, in) || !message_read(&q, bytes.p, bytes.n) || q.flags & FLAG_QR)
		return vn_cut_raw(t, "the bytes are no questions of DNS");
	m->head = t->datagram ? 0 : 2;
	m->id = q.id;
	if (q.flags & OPCODE || !q.question || q.type == TYPE_AXFR || q.type == TYPE_IXFR) {
		m->role = VN_SILENT;
		s->others = true;
		return cut;
	}
	m->role = VN_ASKS;
	m->is = VN_IS_COMMAND | VN_IS_READ;
	m->is |= opt_find(&q, &opt) ? IS_EDNS : 0;
	m->is |= q.type == TYPE_A || q.type == TYPE_AAAA ? IS_ADDRESS : 0;
	strcpy(m->verb, "QUERY");
	m->subject = subject_show(s, &q);
	m->note = question_hash(&q);
	m->seq = ++s->kept;
	if (t->report)
		t->report->given = m->head + 2u;        /* the ID is another each time */
	return cut;
}

/* An answer repeats ID and question; that to a question that was not understood may have none. */
static bool answers(struct vn_session *t, struct vn_span in, const struct vn_message *asked)
{
	size_t at = t->datagram ? 0 : 2;
	struct vn_span bytes;
	struct vn_cut cut;
	struct message a;

	if (in.n < at + 2 || be16(in.p + at) != asked->id)
		return false;
	return frame_read(t, in, HEAD + QUESTION_MAX, &bytes, &cut) &&
	       message_read(&a, bytes.p, bytes.n) &&
	       (a.question ? question_hash(&a) == asked->note : !a.counts[0]);
}

/* ---- edited answers ---- */

/* Changes the records of the answer in place. False: there are none of these. */
static bool records_edit(uint8_t *p, const struct message *m, enum fault how)
{
	static const uint8_t nowhere[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	static const uint8_t nowhere4[4] = { 192, 0, 2, 1 };
	unsigned n = m->counts[1] + m->counts[2] + m->counts[3];
	uint32_t ttl = how == EDIT_TTL_HUGE ? HUGE_TTL : 0;
	size_t at = HEAD + m->question;
	bool any = false;
	struct record r;

	for (unsigned i = 0; i < n && record_next(m, &at, &r); i++) {
		if (how == EDIT_ADDRESS) {
			bool v4 = r.type == TYPE_A && r.length == 4;
			if (!v4 && (r.type != TYPE_AAAA || r.length != 16))
				continue;
			memcpy(p + r.data, v4 ? nowhere4 : nowhere, r.length);
		} else if (r.type != TYPE_OPT) {
			put16(p + r.at + 4, ttl >> 16);
			put16(p + r.at + 6, ttl & 0xffff);
		} else {
			continue;
		}
		any = true;
	}
	return any;
}

/* Another letter, so that it is another name. */
static bool question_edit(uint8_t *p, const struct message *m)
{
	uint8_t *first = p + HEAD + 1;

	if (m->question < 6 || !p[HEAD])
		return false;
	*first = *first == 'x' || *first == 'X' ? 'y' : 'x';
	return true;
}

static bool answer_edit(uint8_t *p, const struct message *m, enum fault how)
{
	switch (how) {
	case EDIT_ID:
		put16(p, m->id ^ 0x5555);
		return true;
	case EDIT_QUESTION:
		return question_edit(p, m);
	default:
		return m->question && records_edit(p, m, how);
	}
}

/* The answer as the failure wants it, in place of these bytes. */
static void answer_replace(struct vn_session *t, struct vn_span in, const struct vn_failure *f,
                           struct vn_cut *cut)
{
	size_t head = t->datagram ? 0 : 2;
	struct message m;

	if (cut->len > in.n) {
		t->limit = "an answer of more than 64 KiB is not edited";
		return;
	}
	vn_buffer_put(t->scratch, in.p, (size_t)cut->len);
	struct vn_span made = vn_buffer_span(t->scratch);
	message_read(&m, made.p + head, made.n - head);
	if (!answer_edit((uint8_t *)made.p + head, &m, (enum fault)f->number)) {
		t->limit = "the answer has no records that could be edited";
		return;
	}
	cut->replaced = true;
	cut->instead = made;
}

static void code_report(struct vn_session *t, unsigned code)
{
	static const char *const names[] = {
		NULL, "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
		"NXRRSET", "NOTAUTH", "NOTZONE",
	};
	char number[12];
	const char *name = code < sizeof names / sizeof names[0] ? names[code] : number;

	if (!code)
		return;
	snprintf(number, sizeof number, "%u", code);
	vn_session_error(t, name, strlen(name));
}

static struct vn_cut response(struct vn_session *t, struct vn_span in,
                              const struct vn_message *asked, struct vn_message *m)
{
	struct dns *s = t->state;
	bool edits = asked && asked->struck;
	struct vn_span bytes;
	struct vn_cut cut;
	struct message a;

	if (!frame_read(t, in, edits ? WHOLE_MAX : HEAD + QUESTION_MAX, &bytes, &cut))
		return cut;
	if (!message_read(&a, bytes.p, bytes.n) || !(a.flags & FLAG_QR))
		return vn_cut_raw(t, "the bytes are no answers of DNS");
	m->head = t->datagram ? 0 : 2;
	m->role = asked ? VN_ANSWERS : s->others ? VN_AIDS : VN_PUSH;
	if (!asked)
		return cut;
	code_report(t, a.flags & 15);
	if (edits)
		answer_replace(t, in, asked->struck, &cut);
	return cut;
}

/* ---- failures ---- */

#define ANY VN_IS_COMMAND

static const struct vn_failure failures[] = {
	{ "servfail", "SERVFAIL", "the name server has failed", ANY, VN_ON_REQUEST, VN_STAY, 2 },
	{ "unavailable", "SERVFAIL", "the same as servfail", ANY, VN_ON_REQUEST, VN_STAY, 2, true },
	{ "not_found", "NXDOMAIN", "there is no such name; resolvers do not keep it, for it has no "
	  "SOA record", ANY, VN_ON_REQUEST, VN_STAY, 3 },
	{ "refused", "REFUSED", "the name server refuses to answer", ANY, VN_ON_REQUEST,
	  VN_STAY, 5 },
	{ "policy", "REFUSED", "the same as refused", ANY, VN_ON_REQUEST, VN_STAY, 5, true },
	{ "miss", "NOERROR", "the name has no records of this type", VN_IS_READ, VN_ON_REQUEST,
	  VN_STAY, 0 },
	{ "bad_request", "FORMERR", "the question is not understood", ANY, VN_ON_REQUEST,
	  VN_STAY, 1 },
	{ "not_implemented", "NOTIMP", "questions of this kind are not supported", ANY,
	  VN_ON_REQUEST, VN_STAY, 4 },
	{ "truncated", "NOERROR", "the answer does not fit: ask again by TCP (UDP only)", ANY,
	  VN_ON_REQUEST, VN_STAY, SAYS_TRUNCATED, true },
	{ "no_edns", "FORMERR", "the server does not know EDNS: an answer without OPT", IS_EDNS,
	  VN_ON_REQUEST, VN_STAY, SAYS_NO_EDNS, true },
	{ "overloaded", "SERVFAIL", "half of the questions get no answer, the others SERVFAIL", ANY,
	  VN_ON_REQUEST, VN_STAY, SAYS_OVERLOAD, true },
	{ "wrong_id", "NOERROR", "the server's answer with another ID", ANY, VN_ON_REQUEST, VN_STAY,
	  EDIT_ID, true },
	{ "wrong_question", "NOERROR", "the server's answer to another name", ANY, VN_ON_REQUEST,
	  VN_STAY, EDIT_QUESTION, true },
	{ "ttl_zero", "NOERROR", "the server's answer, to be kept for 0 s", ANY, VN_ON_REQUEST,
	  VN_STAY, EDIT_TTL_ZERO, true },
	{ "ttl_huge", "NOERROR", "the server's answer, to be kept for 68 years", ANY, VN_ON_REQUEST,
	  VN_STAY, EDIT_TTL_HUGE, true },
	{ "wrong_address", "NOERROR", "the server's answer with addresses 192.0.2.1 or 2001:db8::1",
	  IS_ADDRESS, VN_ON_REQUEST, VN_STAY, EDIT_ADDRESS, true },
	{ 0 }
};

static bool fits(struct vn_session *t, const struct vn_message *m, const struct vn_failure *f)
{
	return f->number != SAYS_TRUNCATED || t->datagram;
}

/* word() needs the question. On TCP it may come much later, so the question is stored. */
static int refuse(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
                  struct vn_buffer *backend)
{
	if (f->number >= EDITS)
		return VN_BY_BACKEND;
	if (!t->datagram && asked->bytes.n > 2)
		vn_text_cache_put(t->texts, asked->seq,
		                  (struct vn_span){ asked->bytes.p + 2, asked->bytes.n - 2 });
	return 0;
}

/* Flags of an answer with this code to these flags: authority and authenticity are not claimed. */
static unsigned flags_of(unsigned asked, const struct vn_failure *f)
{
	unsigned code = f->number < SAYS_TRUNCATED  ? f->number :
	                f->number == SAYS_NO_EDNS   ? 1 :
	                f->number == SAYS_TRUNCATED ? 0 :
	                                              2;

	return FLAG_QR | (asked & (OPCODE | FLAG_RD | FLAG_CD)) | FLAG_RA |
	       (f->number == SAYS_TRUNCATED ? FLAG_TC : 0) | code;
}

/* ID and question byte for byte; an OPT if there was one. */
static void answer_write(struct vn_session *t, const struct message *q, const struct vn_failure *f,
                         struct vn_buffer *client)
{
	uint8_t out[2 + HEAD + QUESTION_MAX + 11] = { 0 }, *p = out + 2;
	struct record opt;
	bool edns = opt_find(q, &opt) && f->number != SAYS_NO_EDNS;
	size_t n = HEAD + q->question;

	put16(p, q->id);
	put16(p + 2, flags_of(q->flags, f));
	put16(p + 4, 1);
	put16(p + 10, edns);
	memcpy(p + HEAD, q->p + HEAD, q->question);
	if (edns) {
		put16(p + n + 1, TYPE_OPT);
		put16(p + n + 3, OUR_SIZE);
		p[n + 7] = q->p[opt.at + 6] & 0x80;     /* DO, as it was asked */
		n += 11;
	}
	put16(out, (unsigned)n);
	vn_buffer_put(client, t->datagram ? p : out, t->datagram ? n : n + 2);
}

static void word(struct vn_session *t, const struct vn_message *asked, const struct vn_failure *f,
                 struct vn_buffer *client)
{
	struct message q;

	if (!asked)
		return;
	struct vn_span bytes = t->datagram ? asked->bytes :
	                                     vn_text_cache_get(t->texts, asked->seq);
	bool known = message_read(&q, bytes.p, bytes.n) && q.question;
	bool lost = !known || (f->number == SAYS_OVERLOAD && q.id & 1);
	if (!lost)
		answer_write(t, &q, f, client);
	if (!t->datagram)
		vn_text_cache_drop(t->texts, asked->seq);
	if (lost || !(flags_of(0, f) & 15))
		vn_session_worded(t, "", 0);
}

static const char *const limits[] = {
	"UPDATE, NOTIFY, zone transfers (AXFR, IXFR) and messages with none or several questions "
	"pass, and so do their answers; rules do not see them.",
	"DNS over TLS and HTTPS is encrypted: such a connection is raw, and so is one with any "
	"other bytes that are no messages of DNS. Of datagrams (QUIC) only that one passes as it "
	"is: rules that need a question do not reach it.",
	"A resolver that validates DNSSEC rejects an address that is not signed.",
	NULL
};

VN_PROTOCOL(dns,
	.help = "DNS over UDP (udp://) and TCP: questions and answers of name servers. A proxy on "
	        "udp:// listens on TCP at that port, too",
	.state_size = sizeof(struct dns),
	.request = request, .response = response, .answers = answers,
	.failures = failures, .own = own, .kinds = VN_IS_READ | VN_IS_COMMAND, .limits = limits,
	.fits = fits, .refuse = refuse, .word = word,
	.datagrams = true, .with_tcp = true, .quiet = 10 * VN_S)
