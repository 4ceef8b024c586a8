/* runner.c - conversations, and where a protocol should cut them: fed whole and in pieces of every
 * size.
 *
 *   runner [--corpus DIRECTORY] [--plugin FILE] FILE.txt...         the protocol is called as the
 * file
 *
 * A file is a list of cases, a case a list of lines:
 *
 *   == what it shows                        a new connection
 *   like WHAT                               all lines of that earlier case come first
 *   option NAME VALUE                       of the protocol
 *   datagrams                               each line is a datagram, which is never cut
 *   C: BYTES -> ROLE VERB "subject" IS...   the client says this, which is one message of this kind
 *   C: BYTES -> ROLE VERB LEAD N "subject"  ... whose first N bytes a match passes over
 *   S: BYTES -> ROLE ... CODE 1213          ... an error of this code, or CODE none
 *   C: BYTES -> WAITS                       ... and this hangs on an answer; it is cut later:
 *   c: BYTES -> ROLE VERB ...               ... now. These bytes are not said again
 *   S: BYTES -> ROLE                        so does the server; verb, subject and IS are checked
 * where given S: BYTES -> VN_ANSWERS INSTEAD BYTES       ... and other bytes are to be passed on in
 * its place C: BYTES -> RAW "words"                 from here the protocol gives up, with these
 * words in its notice R: FAILURE = N BYTES                    the latest request is refused: these
 * bytes go to the backend, which will answer N times ("passed": its answer passes; "unfit": it is
 * not tried) W: FAILURE = BYTES                      the words of the refusal;  I: on an idle
 * connection;  G: as a greeting
 *
 *   legs WORDS                              what the options want of TLS: client, require, backend,
 *                                           never
 *   C: BYTES -> TLS CLIENT INSTEAD BYTES    TLS begins behind these, and others are sent before it
 *   C: BYTES -> TLS BACKEND INSTEAD BYTES   ... before these, which come again: c:
 *   C: BYTES -> ROLE VERB BACK BYTES        the sender is answered; CLOSES BACK: for the last time
 *   B: BYTES -> MORE|START|NONE|LATER SENDS BYTES  all that the backend has sent before TLS
 *   B: BYTES -> ... KEPT BYTES              ... and what the client is to see of it
 *
 * A line goes on in the next one that begins with a blank. One without -> is a piece of a message
 * that this side ends later. Lines of one side that follow each other come in one stream. BYTES are
 * hex pairs, "strings" with \r \n \t \0 \xHH, each *N times if so said, ( ) around several, [SEQ
 * ...] a packet of MySQL, <T ...> a message of PostgreSQL, <- ...> one without type, <. ...> a
 * frame of Kafka, { ... } a document of BSON, {{ ... }} a message of MongoDB, 'text' a string of
 * BSON. # begins a comment. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>

#include "feed.h"
#include "plugins/plugin.h"
#include "spec/failure.h"
#include "spec/registry.h"

enum kind { SAID, OPTION, REFUSED, WORDED, IDLE, GREETING, LEGS, SECURED, DATAGRAMS };

struct line {
	enum kind kind;
	unsigned number;
	enum vn_direction direction;
	struct vn_buffer bytes, subject, instead;
	char *text;                     /* verb, option, failure, or part of a notice */
	char *value;
	unsigned role, is;
	bool raw, has_subject, has_is, works, has_instead, has_lead;
	unsigned lead;
	char *code;                     /* of the error; "none"; NULL: whatever it is */
	bool part;                      /* of a message that a later line ends */
	bool waits, waited;             /* for an answer | ... until now */
	bool back, closes;
	uint8_t tls;                    /* TLS begins on this leg */
	bool borrowed;                  /* its memory is another case's */
	int answers;
};

struct scene { char *name; unsigned number; struct line *lines; size_t n; bool datagrams; };

static const char *file_name;
static unsigned line_number, passed, failed;
static char why[400];

static void __attribute__((format(printf, 1, 2), noreturn)) syntax(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", file_name, line_number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

/* ---- reading ---- */

static const char *blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static unsigned hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	if (!at)
		syntax("expected a hex digit, got '%c'", c);
	return (unsigned)(at - digits);
}

static const char *string_read(const char *p, struct vn_buffer *to)
{
	for (p++; *p != '"'; p++) {
		if (!*p)
			syntax("a string does not end");
		if (*p != '\\') {
			vn_buffer_byte(to, (uint8_t)*p);
			continue;
		}
		switch (*++p) {
		case 'n': vn_buffer_byte(to, '\n'); break;
		case 'r': vn_buffer_byte(to, '\r'); break;
		case 't': vn_buffer_byte(to, '\t'); break;
		case '0': vn_buffer_byte(to, 0); break;
		case 'x':
			vn_buffer_byte(to, (uint8_t)(hex_digit(p[1]) << 4 | hex_digit(p[2])));
			p += 2;
			break;
		default: vn_buffer_byte(to, (uint8_t)*p);
		}
	}
	return p + 1;
}

static const char *bytes_read(const char *p, struct vn_buffer *to, char stop);

static const char *packet_read(const char *p, struct vn_buffer *to)   /* [SEQ payload] */
{
	struct vn_buffer payload = { 0 };

	p = bytes_read(p + 1, &payload, ']');
	if (!payload.n || payload.n - 1 > 0xffffff)
		syntax("a packet needs its sequence number and at most 16 MiB");
	size_t n = payload.n - 1;
	vn_buffer_put(to, (const uint8_t[]){ (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16) },
	              3);
	vn_buffer_put(to, payload.p, payload.n);
	buffer_free(&payload);
	return p + 1;
}

static const char *typed_read(const char *p, struct vn_buffer *to)    /* <T payload> */
{
	struct vn_buffer payload = { 0 };

	bool alone = *++p == '.';       /* the length is that of the rest */
	if (*p != '-' && !alone)
		vn_buffer_byte(to, (uint8_t)*p);
	p = bytes_read(p + 1, &payload, '>');
	size_t n = payload.n + (alone ? 0 : 4);
	vn_buffer_put(to,
	              (const uint8_t[]){ (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
	                                 (uint8_t)n },
	              4);
	vn_buffer_put(to, payload.p, payload.n);
	buffer_free(&payload);
	return p + 1;
}

static void put_u32(struct vn_buffer *to, size_t n)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		vn_buffer_byte(to, (uint8_t)(n >> shift));
}

/* { ... } or {{ ... }}: its length comes first; a document ends with a 0. */
static const char *braced_read(const char *p, struct vn_buffer *to)
{
	struct vn_buffer payload = { 0 };
	bool document = p[1] != '{';

	p = bytes_read(p + (document ? 1 : 2), &payload, '}');
	put_u32(to, payload.n + 4 + document);
	vn_buffer_put(to, payload.p, payload.n);
	if (document)
		vn_buffer_byte(to, 0);
	else if (*++p != '}')
		syntax("expected '}}'");
	buffer_free(&payload);
	return p + 1;
}

/* 'text': its length, its bytes, a 0. */
static const char *text_read(const char *p, struct vn_buffer *to)
{
	const char *end = strchr(p + 1, '\'');

	if (!end)
		syntax("a text does not end");
	put_u32(to, (size_t)(end - p));
	vn_buffer_put(to, p + 1, (size_t)(end - p) - 1);
	vn_buffer_byte(to, 0);
	return end + 1;
}

static const char *item_read(const char *p, struct vn_buffer *to)
{
	switch (*p) {
	case '{': return braced_read(p, to);
	case '\'': return text_read(p, to);
	case '"': return string_read(p, to);
	case '[': return packet_read(p, to);
	case '<': return typed_read(p, to);
	case '(': return bytes_read(p + 1, to, ')') + 1;
	default:
		vn_buffer_byte(to, (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1])));
		return p + 2;
	}
}

/* An item, as often as is said behind it. */
static const char *times_read(const char *p, struct vn_buffer *to)
{
	struct vn_buffer item = { 0 };
	unsigned long times;

	p = item_read(p, &item);
	times = *p == '*' ? strtoul(p + 1, (char **)&p, 10) : 1;
	while (times--)
		vn_buffer_put(to, item.p, item.n);
	buffer_free(&item);
	return p;
}

/* Up to `stop`, or "->". Returns where that is. */
static const char *bytes_read(const char *p, struct vn_buffer *to, char stop)
{
	for (p = blanks(p); *p && *p != stop && strncmp(p, "->", 2); p = blanks(p))
		p = times_read(p, to);
	if (stop && *p != stop)
		syntax("expected '%c'", stop);
	return p;
}

static const char *const roles[] = { "ASKS",    "AIDS", "SILENT", "GOES_ON",
	                             "ANSWERS", "PUSH", "TELLS",  "INTERIM" };
static const char *const natures[] = {
	"OPENING", "LOGIN",    "COMMAND",        "STATEMENT", "READ",  "WRITE",   "BEGIN",
	"COMMIT",  "ROLLBACK", "IN_TRANSACTION", "UNKNOWN",   "SETUP", "PRELUDE",
};

enum { NATURES = sizeof natures / sizeof natures[0] };
/* looked at only where a line names one of them, or WORK: neither */
static const unsigned SESSION = VN_IS_SETUP | VN_IS_PRELUDE;

static int word_find(const char *word, const char *const *words, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(word, words[i]))
			return (int)i;
	return -1;
}

static const char *word_read(const char *p, char word[64])
{
	size_t n = strcspn(p, " \t");

	if (n >= 64)
		syntax("a word is too long");
	memcpy(word, p, n);
	word[n] = 0;
	return blanks(p + n);
}

/* TLS CLIENT, TLS BACKEND, and what is sent before. */
static void upgrade_read(struct line *l, const char *p)
{
	char word[64];

	p = word_read(p, word);
	l->tls = !strcmp(word, "CLIENT") ? VN_LEG_CLIENT : VN_LEG_BACKEND;
	p = word_read(p, word);
	l->has_instead = !strcmp(word, "INSTEAD");
	bytes_read(p, &l->instead, 0);
}

static void expect_read(struct line *l, const char *p)
{
	char word[64];
	int i;

	p = word_read(blanks(p), word);
	if (!strcmp(word, "TLS")) {
		upgrade_read(l, p);
		return;
	}
	l->waits = !strcmp(word, "WAITS");
	if (l->waits) {
		l->part = true;
		return;
	}
	l->raw = !strcmp(word, "RAW");
	if (l->raw) {
		struct vn_buffer notice = { 0 };
		if (*p)
			string_read(p, &notice);
		vn_buffer_byte(&notice, 0);
		l->text = (char *)notice.p;
		return;
	}
	if ((i = word_find(word, roles, 8)) < 0)
		syntax("expected a role, got '%s'", word);
	l->role = (unsigned)i;
	while (*p) {
		if (*p == '"' || *p == '(') {
			l->has_subject = true;
			p = blanks(times_read(p, &l->subject));
			continue;
		}
		p = word_read(p, word);
		if (!strcmp(word, "LEAD")) {
			l->has_lead = true;
			l->lead = (unsigned)strtoul(p, (char **)&p, 10);
			p = blanks(p);
			continue;
		}
		if (!strcmp(word, "CODE")) {
			p = word_read(p, word);
			l->code = strdup(word);
			continue;
		}
		l->closes |= !strcmp(word, "CLOSES");
		if (!strcmp(word, "CLOSES"))
			continue;
		l->back = !strcmp(word, "BACK");
		if (!strcmp(word, "INSTEAD") || l->back) {
			l->has_instead = true;
			bytes_read(p, &l->instead, 0);
			return;
		}
		if (l->text && !strcmp(word, "WORK")) {
			l->works = true;
		} else if (l->text && (i = word_find(word, natures, NATURES)) >= 0) {
			l->has_is = true;
			l->is |= 1u << i;
		} else if (!l->text) {
			l->text = strdup(word);
		} else {
			syntax("'%s' is not what a message can be", word);
		}
	}
}

static void refused_read(struct line *l, const char *p)
{
	char word[64];

	p = word_read(blanks(p), word);
	l->text = strdup(word);
	if (*p != '=')
		syntax("expected FAILURE = ...");
	p = blanks(p + 1);
	if (l->kind == REFUSED) {
		p = word_read(p, word);
		l->answers = !strcmp(word, "unfit")  ? UNFIT :
		             !strcmp(word, "passed") ? VN_BY_BACKEND :
		                                       atoi(word);
	}
	bytes_read(p, &l->bytes, 0);
}

static const char *const outcomes[] = { "MORE", "START", "NONE", "LATER" };

/* What the backend has said; how it goes on; what it is sent, or what the client is to see. */
static void secured_read(struct line *l, const char *p)
{
	char word[64];

	p = bytes_read(p, &l->bytes, 0);
	p = word_read(blanks(p + 2), word);
	l->answers = word_find(word, outcomes, 4);
	if (l->answers < 0)
		syntax("expected MORE, START, NONE or LATER, got '%s'", word);
	p = word_read(p, word);
	l->has_subject = !strcmp(word, "KEPT");
	bytes_read(p, &l->instead, 0);
}

static void said_read(struct line *l, const char *p)
{
	p = bytes_read(p, &l->bytes, 0);
	l->part = !*p;
	if (!l->part)
		expect_read(l, p + 2);
}

static struct line *line_add(struct scene *s)
{
	s->lines = realloc(s->lines, (s->n + 1) * sizeof s->lines[0]);
	assert(s->lines);
	return &s->lines[s->n++];
}

static void scene_like(struct scene *scenes, struct scene *s, const char *name)
{
	const struct scene *from = scenes;

	while (from < s && strcmp(from->name, name))
		from++;
	if (from == s)
		syntax("there is no case '%s' before this one", name);
	for (size_t i = 0; i < from->n; i++) {
		struct line *l = line_add(s);
		*l = from->lines[i];
		l->borrowed = true;
	}
}

static void line_read(struct scene *s, const char *p)
{
	static const struct {
		const char *head;
		enum kind kind;
		enum vn_direction direction;
	} heads[] = {
		{ "C:", SAID, VN_REQUEST }, { "S:", SAID, VN_RESPONSE }, { "R:", REFUSED, 0 },
		{ "W:", WORDED, 0 },        { "I:", IDLE, 0 },           { "G:", GREETING, 0 },
		{ "option ", OPTION, 0 },   { "c:", SAID, VN_REQUEST },  { "legs ", LEGS, 0 },
		{ "B:", SECURED, 0 },       { "datagrams", DATAGRAMS, 0 },
	};
	unsigned i = 0;
	char word[64];

	while (i < 11 && strncmp(p, heads[i].head, strlen(heads[i].head)))
		i++;
	if (i == 11 || !s)
		syntax("expected C: S: R: W: I: G: B: option, legs, datagrams, ==, got '%.20s'",
		       p);
	struct line *l = line_add(s);
	*l = (struct line){ .kind = heads[i].kind,
		            .waited = i == 7,
		            .number = line_number,
		            .direction = heads[i].direction };
	p = blanks(p + strlen(heads[i].head));
	if (l->kind == SAID) {
		said_read(l, p);
	} else if (l->kind == SECURED) {
		secured_read(l, p);
	} else if (l->kind == LEGS) {
		l->text = strdup(p);
	} else if (l->kind == DATAGRAMS) {
		s->datagrams = true;
	} else if (l->kind == OPTION) {
		p = word_read(p, word);
		l->text = strdup(word);
		l->value = strdup(p);
	} else {
		refused_read(l, p);
	}
}

static void comment_cut(char *line)
{
	bool quoted = false;
	char *p = line;

	for (; *p && *p != '\n' && (quoted || *p != '#'); p++) {
		if (quoted && *p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
	}
	while (p > line && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	*p = 0;
}

static struct scene *scenes_line(struct scene *scenes, size_t *n, const char *line)
{
	struct scene *last = *n ? &scenes[*n - 1] : NULL;

	if (last && !strncmp(line, "like ", 5)) {
		scene_like(scenes, last, blanks(line + 5));
	} else if (strncmp(line, "==", 2)) {
		line_read(last, line);
	} else {
		scenes = realloc(scenes, (*n + 1) * sizeof *scenes);
		assert(scenes);
		scenes[(*n)++] =
			(struct scene){ .name = strdup(blanks(line + 2)), .number = line_number };
	}
	return scenes;
}

static struct scene *scenes_read(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	struct scene *scenes = NULL;
	struct vn_buffer joined = { 0 };
	char *line = NULL;
	size_t room = 0;
	unsigned at = 0;
	bool more;

	if (!f)
		syntax("%s", strerror(errno));
	*n = 0;
	do {
		more = getline(&line, &room, f) >= 0;
		at++;
		if (more)
			comment_cut(line);
		if (joined.n && (!more || (line[0] && !isspace((unsigned char)line[0])))) {
			vn_buffer_byte(&joined, 0);
			scenes = scenes_line(scenes, n, (char *)joined.p);
			buffer_clear(&joined);
		}
		if (more && line[0]) {
			line_number = joined.n ? line_number : at;
			if (joined.n)
				vn_buffer_byte(&joined, ' ');
			vn_buffer_put(&joined, line, strlen(line));
		}
	} while (more);
	free(line);
	buffer_free(&joined);
	fclose(f);
	return scenes;
}

/* ---- running ---- */

/* lines whose messages are to be heard */
struct run { const struct scene *scene; size_t next, end; };

static bool same(struct vn_span a, struct vn_span b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

static bool __attribute__((format(printf, 2, 3))) fail(const struct line *l, const char *format,
                                                       ...)
{
	va_list args;
	int n = snprintf(why, sizeof why, "line %u: ", l->number);

	va_start(args, format);
	vsnprintf(why + n, sizeof why - (size_t)n, format, args);
	va_end(args);
	return false;
}

static bool fail_bytes(const struct line *l, const char *what, struct vn_span got,
                       struct vn_span expected)
{
	char text[2][130] = { "", "" };
	const struct vn_span both[2] = { got, expected };

	for (unsigned i = 0; i < 2; i++)
		for (size_t j = 0; j < both[i].n && j < 40; j++)
			snprintf(text[i] + 3 * j, 4, "%02x ", both[i].p[j]);
	return fail(l, "%s: got %zu bytes %sexpected %zu bytes %s", what, got.n, text[0],
	            expected.n, text[1]);
}

/* Bytes of the message that this line ends. */
static uint64_t line_length(const struct scene *s, const struct line *l)
{
	uint64_t n = l->bytes.n;

	for (const struct line *p = l; p-- > s->lines; ) {
		if (p->kind == SAID && p->direction == l->direction) {
			if (!p->part || p->waits)
				break;
			n += p->bytes.n;
		}
	}
	return n;
}

static bool message_check(const struct scene *s, const struct line *l, const struct heard *h)
{
	const struct vn_message *m = &h->message;
	uint64_t length = line_length(s, l);
	bool request = h->direction == VN_REQUEST;

	if (h->tls != l->tls)
		return fail(l, "expected TLS to begin on the leg %d, got %d", l->tls, h->tls);
	if (h->tls)
		return (h->length == (h->tls == VN_LEG_CLIENT ? length : 0) &&
		        same(vn_buffer_span(&h->instead), vn_buffer_span(&l->instead))) ||
		       fail_bytes(l, "before TLS", vn_buffer_span(&h->instead),
		                  vn_buffer_span(&l->instead));
	if (h->back != l->back || h->closes != l->closes)
		return fail(l, h->back ? "the sender is answered" : "the sender is not answered");
	if (m->role != l->role)
		return fail(l, "expected %s, got %s", roles[l->role], roles[m->role]);
	if ((request || l->text) && strcmp(m->verb, l->text ? l->text : ""))
		return fail(l, "expected the verb '%s', got '%s'", l->text ? l->text : "", m->verb);
	if ((request || l->has_subject) && !same(m->subject, vn_buffer_span(&l->subject)))
		return fail_bytes(l, "subject", m->subject, vn_buffer_span(&l->subject));
	unsigned looked = (VN_IS_OWN - 1) & ~(l->is & SESSION || l->works ? 0 : SESSION);
	if ((request || l->has_is) && (m->is & looked) != l->is)
		return fail(l, "it should be %#x, is %#x", l->is, m->is);
	if (l->code && strcmp(h->code[0] ? h->code : "none", l->code))
		return fail(l, "expected the code %s, got '%s'", l->code, h->code);
	if (l->has_lead && m->lead != l->lead)
		return fail(l, "expected a lead of %u bytes, got %u", l->lead, m->lead);
	if (h->length != length)
		return fail(l, "expected %llu bytes, got %llu", (unsigned long long)length,
		            (unsigned long long)h->length);
	if (h->replaced != l->has_instead)
		return fail(l, h->replaced ? "it was replaced" : "it was not replaced");
	return same(vn_buffer_span(&h->instead), vn_buffer_span(&l->instead)) ||
	       fail_bytes(l, "instead", vn_buffer_span(&h->instead), vn_buffer_span(&l->instead));
}

static void hear(struct feed *f, const struct heard *h)
{
	struct run *r = f->teller;

	while (r->next < r->end && r->scene->lines[r->next].part)
		r->next++;
	const struct line *l = &r->scene->lines[r->next < r->end ? r->next : r->end - 1];
	if (why[0])
		return;
	if (r->next == r->end)
		fail(l, "a message more than expected");
	else if (h->raw && (!l->raw || !strstr(f->talk.notice ? f->talk.notice : "", l->text)))
		fail(l, "raw: %s", f->talk.notice ? f->talk.notice : "a head that is too long");
	else if (!h->raw && l->raw)
		fail(l, "not raw");
	else if (!h->raw)
		message_check(r->scene, l, h);
	r->next++;
}

/* Lines of one side that follow each other, as one stream in pieces. */
static bool said_run(struct feed *f, struct run *r, size_t chunk)
{
	const struct scene *s = r->scene;
	const struct line *l = &s->lines[r->next];
	struct vn_buffer stream = { 0 };

	for (r->end = r->next; r->end < s->n; r->end++) {
		const struct line *next = &s->lines[r->end];
		if (next->kind != SAID || next->direction != l->direction ||
		    (r->end > r->next && (s->datagrams || next[-1].tls == VN_LEG_CLIENT)))
			break;
		if (!next->waited)
			vn_buffer_put(&stream, next->bytes.p, next->bytes.n);
	}
	if (l->waited)
		feed_bytes(f, VN_REQUEST, NULL, 0);
	for (size_t at = 0, n; at < stream.n && !why[0] && !f->raw; at += n) {
		n = !chunk || stream.n - at < chunk ? stream.n - at : chunk;
		feed_bytes(f, l->direction, stream.p + at, n);
	}
	buffer_free(&stream);
	if (f->fault[0])
		return fail(l, "%s", f->fault);
	if (why[0])
		return false;
	bool part = s->lines[r->end - 1].part && !s->lines[r->end - 1].waits;
	while (r->next < r->end && s->lines[r->next].part)
		r->next++;
	if (r->next != r->end)
		return fail(&s->lines[r->next], "the message was not cut");
	struct lane *lane = &f->lanes[l->direction == VN_RESPONSE];
	bool open = lane->open && lane->heard.length;
	return f->raw ||
	       (lane->waits ? s->lines[r->end - 1].waits : !lane->rest.n && open == part) ||
	       fail(&s->lines[r->end - 1], "bytes are left over");
}

static bool refused_run(struct feed *f, const struct line *l)
{
	const struct vn_failure *failure = failure_find(f->protocol, l->text);
	struct vn_message opening = { .is = VN_IS_OPENING };
	struct vn_buffer bytes = { 0 };
	bool ok = true;

	if (!failure)
		return fail(l, "there is no failure '%s'", l->text);
	if (l->kind == REFUSED) {
		int n = feed_refuse(f, failure, &bytes);
		ok = n == l->answers || fail(l, "expected %d answers, got %d", l->answers, n);
	} else {
		const struct vn_message *asked = l->kind == IDLE     ? NULL :
		                                 l->kind == GREETING ? &opening :
		                                                       &f->latest;
		f->protocol->word(&f->talk, asked, failure, &bytes);
	}
	if (ok && !same(vn_buffer_span(&bytes), vn_buffer_span(&l->bytes)))
		ok = fail_bytes(l, l->text, vn_buffer_span(&bytes), vn_buffer_span(&l->bytes));
	buffer_free(&bytes);
	return ok;
}

static bool secured_run(struct feed *f, const struct line *l)
{
	struct vn_buffer sent = { 0 };
	enum vn_secure how = feed_secure(f, l->bytes.p, l->bytes.n, &sent);
	struct vn_span got = vn_buffer_span(l->has_subject ? &f->kept : &sent),
		       expected = vn_buffer_span(&l->instead);
	bool ok = how == (enum vn_secure)l->answers ||
	          fail(l, "expected %s, got %s", outcomes[l->answers], outcomes[how]);

	ok = ok && (same(got, expected) || fail_bytes(l, "sent or kept", got, expected));
	buffer_free(&sent);
	return ok;
}

static unsigned legs_of(const struct line *l)
{
	return (strstr(l->text, "client") ? VN_TLS_CLIENT_MAY : 0) |
	       (strstr(l->text, "require") ? VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_MUST : 0) |
	       (strstr(l->text, "never") ? VN_TLS_CLIENT_MAY | VN_TLS_CLIENT_NEVER : 0) |
	       (strstr(l->text, "backend") ? VN_TLS_BACKEND : 0);
}

static bool legs_run(struct feed *f, const struct line *l)
{
	f->talk.tls = legs_of(l);
	f->talk.secure = strstr(l->text, "direct") ? VN_LEG_CLIENT : 0;
	f->talk.alpn = strstr(l->text, "named") ? f->protocol->alpn[0] : "";
	return f->talk.tls || fail(l, "legs: expected client, require, never or backend");
}

static bool option_run(struct feed *f, const struct line *l)
{
	const struct vn_opt *o = opt_find(f->protocol->options, l->text);
	char error[ERROR_MAX] = "no such option";

	return (o && opt_set_text(&f->block, o, l->value, error)) ||
	       fail(l, "%s: %s", l->text, error);
}

static bool scene_run(const struct vn_protocol *protocol, const struct scene *s, size_t chunk)
{
	struct run r = { .scene = s };
	struct feed f;
	bool ok = true;

	why[0] = 0;
	feed_start(&f, protocol);
	f.tell = hear;
	f.teller = &r;
	while (ok && r.next < s->n) {
		const struct line *l = &s->lines[r.next];
		if (l->kind == SAID) {
			ok = said_run(&f, &r, chunk);
			continue;
		}
		ok = l->kind == DATAGRAMS ? (f.talk.datagram = true) :
		     l->kind == OPTION    ? option_run(&f, l) :
		     l->kind == LEGS      ? legs_run(&f, l) :
		     l->kind == SECURED   ? secured_run(&f, l) :
		                            refused_run(&f, l);
		r.next++;
	}
	feed_stop(&f);
	return ok;
}

static size_t scene_bytes(const struct scene *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->lines[i].bytes.n;
	return n;
}

static void scene_check(const struct vn_protocol *protocol, const struct scene *s)
{
	static const size_t chunks[] = { 0, 1, 2, 3, 5, 7, 11, 13, 64, 1000, 4093, 65536 };
	size_t bytes = scene_bytes(s), least = bytes > 1 << 20 ? 1000 : bytes > 1 << 18 ? 64 : 1;

	for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
		if (chunks[i] && (chunks[i] < least || s->datagrams))
			continue;
		if (!scene_run(protocol, s, chunks[i])) {
			printf("%s: %s, in pieces of %zu: %s\n", file_name, s->name, chunks[i],
			       why);
			failed++;
			return;
		}
	}
	passed++;
}

/* ---- the fuzzer's corpus ---- */

static void corpus_legs(FILE *f, const struct line *l)
{
	if (l->kind == LEGS) {
		fprintf(f, "%c%c", 4, (int)legs_of(l));
		return;
	}
	fprintf(f, "%c%c%c", 5, (int)(l->bytes.n & 0xff), (int)(l->bytes.n >> 8));
	fwrite(l->bytes.p, 1, l->bytes.n, f);
}

static void corpus_write(const char *directory, const struct vn_protocol *protocol,
                         const struct scene *s, unsigned number)
{
	char path[500];
	FILE *f;

	if (scene_bytes(s) > 60000)
		return;
	snprintf(path, sizeof path, "%s/%s-%03u", directory, protocol->name, number);
	if (!(f = fopen(path, "w")))
		syntax("%s: %s", path, strerror(errno));
	fprintf(f, "%s\n%c", protocol->name, (int)(number % 7));
	for (const struct line *l = s->lines; l < s->lines + s->n; l++) {
		if (l->kind == DATAGRAMS) {
			fprintf(f, "%c%c", 4, 64);
			continue;
		}
		if (l->kind == LEGS || l->kind == SECURED) {
			corpus_legs(f, l);
			continue;
		}
		if (l->waited)
			continue;
		const struct vn_failure *failure = l->text ? failure_find(protocol, l->text) : NULL;
		if (l->kind == SAID) {
			fprintf(f, "%c%c%c", l->direction == VN_RESPONSE, (int)(l->bytes.n & 0xff),
			        (int)(l->bytes.n >> 8));
			fwrite(l->bytes.p, 1, l->bytes.n, f);
		} else if (failure && (l->kind == REFUSED || l->kind == IDLE)) {
			fprintf(f, "%c%c", l->kind == REFUSED ? 2 : 3,
			        (int)(failure - protocol->failures));
		}
	}
	fclose(f);
}

static void scene_free(struct scene *s)
{
	for (struct line *l = s->lines; l < s->lines + s->n; l++) {
		if (l->borrowed)
			continue;
		buffer_free(&l->bytes);
		buffer_free(&l->subject);
		buffer_free(&l->instead);
		free(l->text);
		free(l->code);
		free(l->value);
	}
	free(s->lines);
	free(s->name);
}

static void file_run(const char *path, const char *corpus)
{
	const char *slash = strrchr(path, '/');
	char name[64];
	size_t n;

	file_name = path;
	line_number = 0;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(slash ? slash + 1 : path, "."),
	         slash ? slash + 1 : path);
	const struct vn_protocol *protocol = protocol_find(name);
	if (!protocol)
		syntax("there is no protocol '%s'", name);
	struct scene *scenes = scenes_read(path, &n);
	for (size_t i = 0; i < n; i++) {
		scene_check(protocol, &scenes[i]);
		if (corpus)
			corpus_write(corpus, protocol, &scenes[i], (unsigned)i);
	}
	for (size_t i = 0; i < n; i++)
		scene_free(&scenes[i]);
	free(scenes);
}

static void plugin(const char *file)
{
	char error[ERROR_MAX];

	if (plugin_load(file, error))
		return;
	fprintf(stderr, "%s\n", error);
	exit(1);
}

int main(int argc, char **argv)
{
	const char *corpus = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--corpus") && i + 1 < argc)
			corpus = argv[++i];
		else if (!strcmp(argv[i], "--plugin") && i + 1 < argc)
			plugin(argv[++i]);
		else
			file_run(argv[i], corpus);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
