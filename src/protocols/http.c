/* http.c - HTTP/1.0 and 1.1: where messages end, what a request does, the server's errors.
 *
 * A message is a head, lines up to an empty one, and perhaps a body:
 *
 *   NOTHING | FIXED: Content-Length bytes | UNTIL_CLOSE
 *   chunks: (CHUNK_SIZE line, CHUNK_DATA, CHUNK_END line)..., a size of 0, TRAILERS, an empty line
 *
 * Responses come in the order of the requests. Interim ones (1xx) are no answer; rules apply to the
 * final one. An ambiguous message makes the connection raw. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "vaurien.h"

enum { SUBJECT_MAX = 16384, VERB_MAX = 23 };

#define SIZE_LIMIT (1ull << 60)         /* of a body; more is nonsense */
#define FOREVER    (1ull << 62)

/* message.note: what the response's end and the words of a refusal depend on. */
enum { NOTE_HEAD = 1, NOTE_CONNECT = 2, NOTE_CLOSE = 4, NOTE_OLD = 8, NOTE_EXPECTS = 16 };

struct http_opts { bool overwrite_host_header; };

struct body {                           /* what a message still has behind what was cut of it */
	enum { NOTHING, FIXED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILERS, UNTIL_CLOSE } at;
	uint64_t left;                  /* bytes of a FIXED body or a chunk */
};

struct stream {                         /* one direction */
	size_t looked;                  /* bytes of a head: whole lines, none of them empty */
	struct body body;
};

struct http {                           /* one connection */
	struct stream request, response;
	bool tunnel;                    /* it has become something else */
	bool connecting;                /* ... or may have, when CONNECT is answered */
};

static const char
	RAW_TLS[]      = "TLS begins",
	RAW_HTTP2[]    = "HTTP/2 begins",
	RAW_REQUEST[]  = "a request is not HTTP/1",
	RAW_RESPONSE[] = "a response is not HTTP/1",
	RAW_TUNNEL[]   = "HTTP ends with a tunnel or an upgrade",
	RAW_LENGTH[]   = "a message's length can be read in two ways",
	RAW_CODING[]   = "a transfer coding is not understood",
	RAW_CHUNK[]    = "a chunk is not understood",
	RAW_UNASKED[]  = "a response that nobody asked for";

/* ---- bytes ---- */

static bool span_is(struct vn_span s, const char *text)
{
	return s.n == strlen(text) && !strncasecmp((const char *)s.p, text, s.n);
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static const bool is_token[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,
	['#' ... '\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
	['^' ... '`'] = true, ['|'] = true, ['~'] = true,
};

static size_t token_length(struct vn_span s)
{
	size_t n = 0;

	while (n < s.n && is_token[s.p[n]])
		n++;
	return n;
}

static struct vn_span trim(struct vn_span s)
{
	while (s.n && is_blank(s.p[0]))
		s = (struct vn_span){ s.p + 1, s.n - 1 };
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The line at *at, without CR LF or LF; *at is behind it then. False: it has no end yet. */
static bool line_next(struct vn_span in, size_t *at, struct vn_span *line)
{
	const uint8_t *p = in.p + *at, *end = *at < in.n ? memchr(p, '\n', in.n - *at) : NULL;

	if (!end)
		return false;
	*line = (struct vn_span){ p, (size_t)(end - p) };
	if (line->n && p[line->n - 1] == '\r')
		line->n--;
	*at = (size_t)(end - in.p) + 1;
	return true;
}

/* The next member of a list with commas. False: there is none. */
static bool list_next(struct vn_span *list, struct vn_span *member)
{
	while (list->n) {
		const uint8_t *comma = memchr(list->p, ',', list->n);
		size_t n = comma ? (size_t)(comma - list->p) : list->n, skip = n + !!comma;
		*member = trim((struct vn_span){ list->p, n });
		*list = (struct vn_span){ list->p + skip, list->n - skip };
		if (member->n)
			return true;
	}
	return false;
}

/* ---- heads ---- */

struct head {                           /* what its fields say */
	size_t n;                       /* bytes, its empty line included */
	struct vn_span first;              /* its first line */
	bool old;                       /* HTTP/1.0 */
	bool sized, coded;              /* it has a Content-Length, a Transfer-Encoding ... */
	bool chunked;                   /* ... the last of them chunked */
	bool close, keep_alive, expects;
	uint64_t size;
	const char *bad;                /* why its end cannot be known */
};

static void length_read(struct head *h, struct vn_span value)
{
	struct vn_span number;
	bool any = false;

	while (list_next(&value, &number)) {
		uint64_t size = 0;
		for (size_t i = 0; i < number.n; i++) {
			if (!is_digit(number.p[i]) || size > SIZE_LIMIT / 10)
				h->bad = RAW_LENGTH;
			size = size * 10 + (number.p[i] & 15u);
		}
		if (h->sized && h->size != size)
			h->bad = RAW_LENGTH;
		h->size = size;
		h->sized = any = true;
	}
	if (!any)
		h->bad = RAW_LENGTH;
}

static void coding_read(struct head *h, struct vn_span value)
{
	struct vn_span coding;

	h->coded = true;
	while (list_next(&value, &coding)) {
		if (h->chunked)         /* chunked must be the last */
			h->bad = RAW_CODING;
		h->chunked = span_is(coding, "chunked");
	}
}

static void connection_read(struct head *h, struct vn_span value)
{
	struct vn_span word;

	while (list_next(&value, &word)) {
		h->close |= span_is(word, "close");
		h->keep_alive |= span_is(word, "keep-alive");
	}
}

static void expect_read(struct head *h, struct vn_span value)
{
	h->expects |= span_is(value, "100-continue");
}

static const struct field {
	const char *name;
	void (*read)(struct head *, struct vn_span value);
	bool frames;                    /* the message's end depends on it */
} fields[] = {
	{ "Content-Length", length_read, true }, { "Transfer-Encoding", coding_read, true },
	{ "Connection", connection_read, false }, { "Expect", expect_read, false },
};

static const struct field *field_find(struct vn_span name)
{
	if (name.n)
		for (const struct field *f = fields; f < fields + sizeof fields / sizeof fields[0];
		     f++)
			if ((f->name[0] | 32) == (name.p[0] | 32) && span_is(name, f->name))
				return f;
	return NULL;
}

/* A line that begins with a blank goes on with the field before it, as another line of that name
 * would. What servers disagree about puts the length in doubt. */
static void fields_read(struct head *h, struct vn_span in)
{
	const struct field *field = NULL;
	bool first = true;
	struct vn_span line;
	size_t at = 0;

	for (line_next(in, &at, &h->first); line_next(in, &at, &line) && line.n; ) {
		const uint8_t *colon = memchr(line.p, ':', line.n);
		struct vn_span name = { line.p, colon ? (size_t)(colon - line.p) : line.n };
		bool folded = is_blank(line.p[0]);
		if (!folded) {
			field = field_find(trim(name));
			line = (struct vn_span){ line.p + name.n + !!colon,
				                 line.n - name.n - !!colon };
		}
		if (folded ? first : field && field->frames && trim(name).n < name.n)
			h->bad = RAW_LENGTH;
		if (field)
			field->read(h, trim(line));
		first = false;
	}
	if (h->sized && h->coded)
		h->bad = RAW_LENGTH;
}

/* False: the head is not whole. What was looked at is not looked at again. */
static bool head_read(struct stream *s, struct vn_span in, struct head *h)
{
	struct vn_span line;
	size_t at = s->looked;

	while (line_next(in, &at, &line)) {
		if (!line.n) {
			s->looked = 0;
			h->n = at;
			fields_read(h, (struct vn_span){ in.p, at });
			return true;
		}
		s->looked = at;
	}
	return false;
}

static uint16_t head_line(const struct head *h) /* bytes of its first line */
{
	return (uint16_t)(h->first.n < UINT16_MAX ? h->first.n + 1 : UINT16_MAX);
}

/* "HTTP/1.0" or "HTTP/1.1", or what will be 1.something. */
static bool version_read(struct vn_span s, bool *old)
{
	if (s.n != 8 || memcmp(s.p, "HTTP/1.", 7) || !is_digit(s.p[7]))
		return false;
	*old = s.p[7] == '0';
	return true;
}

/* ---- bodies ---- */

static unsigned hex_value(uint8_t c)    /* 16 or more: none */
{
	uint8_t letter = (uint8_t)((c | 32) - 'a');

	return is_digit(c) ? c & 15u : letter + 10u;
}

static bool chunk_size_read(struct vn_span line, uint64_t *size)
{
	size_t n = 0;

	for (*size = 0; n < line.n && hex_value(line.p[n]) < 16; n++) {
		if (*size > SIZE_LIMIT / 16)
			return false;
		*size = *size << 4 | hex_value(line.p[n]);
	}
	bool any = n;
	while (n < line.n && is_blank(line.p[n]))
		n++;
	return any && (n == line.n || line.p[n] == ';');
}

enum step { ON, WAIT, OVER, BAD };

/* One line of a chunked body, or the bytes of one chunk. */
static enum step chunk_step(struct body *b, struct vn_span in, uint64_t *done)
{
	struct vn_span line;
	size_t at = (size_t)*done;

	if (b->at == CHUNK_DATA) {
		*done += b->left;
		b->at = CHUNK_END;
		return ON;
	}
	if (*done >= in.n)
		return WAIT;
	if (b->at == CHUNK_SIZE && hex_value(in.p[at]) > 15)    /* no need to wait for its end */
		return BAD;
	if (b->at == CHUNK_END && in.p[at] != '\r' && in.p[at] != '\n')
		return BAD;
	if (!line_next(in, &at, &line))
		return WAIT;
	switch (b->at) {
	case CHUNK_SIZE:
		if (!chunk_size_read(line, &b->left))
			return BAD;
		b->at = b->left ? CHUNK_DATA : TRAILERS;
		break;
	case CHUNK_END:
		if (line.n)
			return BAD;
		b->at = CHUNK_SIZE;
		break;
	default:
		if (!line.n)
			b->at = NOTHING;
	}
	*done = at;
	return b->at == NOTHING ? OVER : ON;
}

/* The next piece of a message whose head is the `done` bytes. */
static struct vn_cut body_cut(struct vn_session *t, struct body *b, struct vn_span in,
                              uint64_t done)
{
	enum step step = ON;

	if (b->at == UNTIL_CLOSE)
		return (struct vn_cut){ .kind = VN_CUT_PART, .len = FOREVER };
	if (b->at == FIXED || b->at == NOTHING) {
		done += b->left;
		*b = (struct body){ 0 };
		return (struct vn_cut){ .kind = VN_CUT_END, .len = done };
	}
	while (step == ON)
		step = chunk_step(b, in, &done);
	if (!done)
		return step == BAD ? vn_cut_raw(t, RAW_CHUNK) : vn_cut_more();
	return (struct vn_cut){ .kind = step == OVER ? VN_CUT_END : VN_CUT_PART, .len = done };
}

static struct body body_make(const struct head *h, bool until_close)
{
	if (h->chunked)
		return (struct body){ CHUNK_SIZE, 0 };
	if (h->sized)
		return (struct body){ h->size ? FIXED : NOTHING, h->size };
	return (struct body){ until_close ? UNTIL_CLOSE : NOTHING, 0 };
}

/* ---- requests ---- */

struct ask { struct vn_span method, target; bool old; };   /* a request's first line */

/* METHOD TARGET HTTP/1.x, with blanks as servers let them pass. */
static const char *ask_read(struct vn_span line, struct ask *a)
{
	struct vn_span rest = trim(line);
	size_t n = token_length(rest);

	if (rest.p != line.p || !n || n > VERB_MAX || rest.n < n + 11)
		return RAW_REQUEST;
	if (!is_blank(rest.p[n]) || !is_blank(rest.p[rest.n - 9]))
		return RAW_REQUEST;
	struct vn_span version = { rest.p + rest.n - 8, 8 };
	a->method = (struct vn_span){ rest.p, n };
	a->target = trim((struct vn_span){ rest.p + n, rest.n - n - 9 });
	if (span_is(version, "HTTP/2.0"))
		return RAW_HTTP2;
	return a->target.n && version_read(version, &a->old) ? NULL : RAW_REQUEST;
}

/* Can these bytes become a request? NULL: as far as is seen. */
static const char *request_doubt(struct vn_span in)
{
	size_t n = token_length(in), at = 0;
	struct vn_span line;
	struct ask a;

	if (n > VERB_MAX || (n < in.n && (!n || !is_blank(in.p[n]))))
		return RAW_REQUEST;
	return line_next(in, &at, &line) ? ask_read(line, &a) : NULL;
}

static const struct { const char *method; unsigned is; uint64_t note; } methods[] = {
	{ "GET", VN_IS_READ, 0 }, { "HEAD", VN_IS_READ, NOTE_HEAD }, { "OPTIONS", VN_IS_READ, 0 },
	{ "CONNECT", VN_IS_WRITE, NOTE_CONNECT },
};

static void request_describe(struct vn_message *m, const struct head *h, const struct ask *a)
{
	size_t i = 0, n = sizeof methods / sizeof methods[0];

	memcpy(m->verb, a->method.p, a->method.n);
	while (i < n && strcmp(m->verb, methods[i].method))
		i++;
	m->is = VN_IS_COMMAND | VN_IS_STATEMENT | (i < n ? methods[i].is : VN_IS_WRITE);
	m->note = i < n ? methods[i].note : 0;
	if (h->close || (h->old && !h->keep_alive))
		m->note |= NOTE_CLOSE;
	if (h->old)
		m->note |= NOTE_OLD;
	m->subject = a->target;
	if (m->subject.n > SUBJECT_MAX)
		m->subject.n = SUBJECT_MAX;
	m->head = head_line(h);
}

/* The head with the backend's name in place of each Host's. */
static struct vn_span head_overwritten(struct vn_session *t, struct vn_span head)
{
	const char *host = strncmp(t->backend, "unix:", 5) ? t->backend : "localhost";
	struct vn_span line;
	bool folds = false;

	for (size_t at = 0, start = 0; line_next(head, &at, &line); start = at) {
		folds = folds && line.n && is_blank(line.p[0]);
		if (line.n >= 5 && !strncasecmp((const char *)line.p, "Host:", 5)) {
			folds = true;
			vn_buffer_put(t->scratch, line.p, 5);
			vn_buffer_byte(t->scratch, ' ');
			vn_buffer_put(t->scratch, host, strlen(host));
			vn_buffer_put(t->scratch, line.p + line.n, at - start - line.n);
		} else if (!folds) {
			vn_buffer_put(t->scratch, line.p, at - start);
		}
	}
	return vn_buffer_span(t->scratch);
}

/* Where the client waits for leave to send the body, the body is a message of its own: so a refusal
 * comes at once. It closes, for what such a client does next is not known. */
static struct vn_cut request_cut(struct vn_session *t, struct vn_span in, const struct head *h,
                                 bool expects)
{
	const struct http_opts *opts = t->opts;
	struct http *s = t->state;
	bool ends = expects || s->request.body.at == NOTHING;

	if (opts->overwrite_host_header)
		return (struct vn_cut){
			.kind = ends ? VN_CUT_END : VN_CUT_PART,
			.len = h->n,
			.replaced = true,
			.instead = head_overwritten(t, (struct vn_span){ in.p, h->n })
		};
	if (ends)
		return (struct vn_cut){ .kind = VN_CUT_END, .len = h->n };
	return body_cut(t, &s->request.body, in, h->n);
}

static struct vn_cut request_begin(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct http *s = t->state;
	struct head h = { 0 };
	struct ask a;
	bool whole = head_read(&s->request, in, &h);
	const char *doubt = whole ? ask_read(h.first, &a) : request_doubt(in);

	if (doubt)
		return vn_cut_raw(t, doubt);
	if (!whole)
		return vn_cut_more();
	h.old = a.old;
	if (h.coded && (!h.chunked || h.old))
		h.bad = RAW_CODING;
	if (h.bad)
		return vn_cut_raw(t, h.bad);
	s->request.body = body_make(&h, false);
	request_describe(m, &h, &a);
	bool expects = h.expects && !h.old && s->request.body.at != NOTHING;
	if (expects)
		m->note |= NOTE_EXPECTS;
	s->connecting = m->note & NOTE_CONNECT;
	if (t->report)                  /* dates and ids in the head differ each time */
		t->report->given = h.n;
	return request_cut(t, in, &h, expects);
}

static struct vn_cut http_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct http *s = t->state;

	if (s->request.body.at != NOTHING) {
		*m = (struct vn_message){ .role = VN_GOES_ON, .verb = "BODY" };
		return body_cut(t, &s->request.body, in, 0);
	}
	if (s->tunnel || s->connecting)
		return vn_cut_raw(t, RAW_TUNNEL);
	if (in.p[0] == 0x16)
		return vn_cut_raw(t, RAW_TLS);
	if (in.p[0] == '\r' && in.n == 1)
		return vn_cut_more();
	if (in.p[0] == '\n' || (in.p[0] == '\r' && in.p[1] == '\n')) {
		m->role = VN_SILENT;       /* an empty line before a request is none */
		return (struct vn_cut){ .kind = VN_CUT_END, .len = in.p[0] == '\n' ? 1 : 2 };
	}
	return request_begin(t, in, m);
}

/* ---- responses ---- */

/* The status in "HTTP/1.x 200 OK"; 0: it is none. */
static unsigned status_read(struct vn_span line, bool *old)
{
	if (line.n < 12 || !version_read((struct vn_span){ line.p, 8 }, old) || line.p[8] != ' ')
		return 0;
	const uint8_t *p = line.p + 9;
	if (!is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) || p[0] == '0' ||
	    (line.n > 12 && p[3] != ' '))
		return 0;
	return (p[0] & 15u) * 100 + (p[1] & 15u) * 10 + (p[2] & 15u);
}

static bool response_doubted(struct vn_span in)
{
	struct vn_span line;
	size_t at = 0;
	bool old;

	if (memcmp(in.p, "HTTP/1.", in.n < 7 ? in.n : 7))
		return true;
	return line_next(in, &at, &line) && !status_read(line, &old);
}

static struct vn_cut response_cut(struct vn_session *t, struct vn_span in,
                                  const struct vn_message *asked, const struct head *h,
                                  unsigned status)
{
	struct http *s = t->state;
	uint64_t note = asked ? asked->note : 0;
	bool connected = note & NOTE_CONNECT && status / 100 == 2;

	if (status / 100 == 1 && status != 101)
		return (struct vn_cut){ .kind = VN_CUT_END, .len = h->n };
	if (note & NOTE_CONNECT)
		s->connecting = false;
	s->tunnel |= connected || status == 101;
	if (connected || status == 101 || status == 204 || status == 304 || note & NOTE_HEAD)
		return (struct vn_cut){ .kind = VN_CUT_END, .len = h->n };
	if (h->bad || (h->chunked && h->old))
		return vn_cut_raw(t, h->bad ? h->bad : RAW_CODING);
	s->response.body = body_make(h, true);
	return body_cut(t, &s->response.body, in, h->n);
}

static struct vn_cut http_response(struct vn_session *t, struct vn_span in,
                                   const struct vn_message *asked, struct vn_message *m)
{
	struct http *s = t->state;
	struct head h = { 0 };

	if (s->response.body.at != NOTHING)
		return body_cut(t, &s->response.body, in, 0);
	if (s->tunnel)
		return vn_cut_raw(t, RAW_TUNNEL);
	bool whole = head_read(&s->response, in, &h);
	unsigned status = whole ? status_read(h.first, &h.old) : 0;
	if (whole ? !status || (!asked && status == 101) : response_doubted(in))
		return vn_cut_raw(t, asked ? RAW_RESPONSE : RAW_UNASKED);
	if (!whole)
		return vn_cut_more();
	bool interim = status / 100 == 1 && status != 101;
	m->role = !asked ? VN_PUSH : interim ? VN_INTERIM : VN_ANSWERS;
	m->is = asked ? asked->is : 0;
	m->head = head_line(&h);
	memcpy(m->verb, h.first.p + 9, 3);
	if (status >= 400)
		vn_session_error(t, m->verb, 3);
	return response_cut(t, in, asked, &h, status);
}

/* ---- saying no ---- */

static const struct vn_failure failures
	[] = { /* number: seconds of Retry-After */
	       { "internal_error", "500 Internal Server Error",
	         "Something went wrong inside the server while it worked on this request.",
	         VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY },
	       { "not_implemented", "501 Not Implemented",
	         "This server has no way to do what the request asks for.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY },
	       { "bad_gateway", "502 Bad Gateway",
	         "The server behind this one gave no answer that could be used.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY },
	       { "unavailable", "503 Service Unavailable",
	         "The server cannot take this request now; later it may.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY },
	       { "overloaded", "503 Service Unavailable",
	         "The server has more to do than it can; please try again.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY, .number = 1, .by_name = true },
	       { "starting_up", "503 Service Unavailable",
	         "The server is starting and does not serve yet.", VN_IS_COMMAND, VN_ON_REQUEST,
	         VN_STAY, .number = 2, .by_name = true },
	       { "shutting_down", "503 Service Unavailable", "The server is going down.",
	         VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE, .number = 5 },
	       { "read_only", "503 Service Unavailable", "No server that takes changes is up.",
	         VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, .number = 5, .by_name = true },
	       { "gateway_timeout", "504 Gateway Timeout",
	         "The server behind this one did not answer in time.", VN_IS_COMMAND, VN_ON_REQUEST,
	         VN_STAY, .by_name = true },
	       { "pooler_timeout", "504 Gateway Timeout",
	         "No connection to the server behind this one came free in time.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY, .by_name = true },
	       { "too_many_requests", "429 Too Many Requests",
	         "More requests came than this client may make.", VN_IS_COMMAND, VN_ON_REQUEST,
	         VN_STAY, .number = 1, .by_name = true },
	       { "conflict", "409 Conflict", "Another change to the same thing was under way.",
	         VN_IS_WRITE, VN_ON_REQUEST, VN_STAY, .by_name = true },
	       { "misdirected", "421 Misdirected Request",
	         "This server does not speak for the host that was asked.", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_STAY, .by_name = true },
	       { "disk_full", "507 Insufficient Storage",
	         "There is no room left to keep what was sent.", VN_IS_WRITE, VN_ON_REQUEST,
	         VN_STAY, .by_name = true },
	       { "request_timeout", "408 Request Timeout", "The request did not arrive in time.",
	         VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE },
	       { "idle_timeout", "FIN", "a connection without a request is closed without a word",
	         VN_IS_COMMAND, VN_ON_REST, VN_CLOSE },
	       { "crash", "RST", "the connection is reset without a word", VN_IS_COMMAND,
	         VN_ON_REQUEST | VN_ON_REST, VN_RESET },
	       { "gone", "FIN", "the connection is closed without a word", VN_IS_COMMAND,
	         VN_ON_REQUEST, VN_CLOSE },
	       { 0 }
        };

static bool closes(const struct vn_message *asked, const struct vn_failure *f)
{
	return f->end != VN_STAY || !asked || asked->note & (NOTE_CLOSE | NOTE_EXPECTS);
}

/* The backend need not know of it; a client that will send no more waits for the end. */
static int http_refuse(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *backend)
{
	struct http *s = t->state;

	if (asked->note & NOTE_CONNECT)
		s->connecting = false;
	t->close = closes(asked, f);
	return 0;
}

static void http_word(struct vn_session *t, const struct vn_message *asked,
                      const struct vn_failure *f, struct vn_buffer *client)
{
	char head[400], page[400], retry[40] = "";
	bool close = closes(asked, f), old = asked && asked->note & NOTE_OLD;

	if (!is_digit((uint8_t)f->code[0]))
		return;
	if (f->number)
		snprintf(retry, sizeof retry, "Retry-After: %u\r\n", (unsigned)f->number);
	int page_n = snprintf(page, sizeof page,
		"<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n"
		"<title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n", f->code, f->code + 4, f->text);
	int head_n = snprintf(
		head, sizeof head,
		"HTTP/1.1 %s\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Length: "
		"%d\r\n%s%s\r\n",
		f->code, page_n, retry,
		close ? "Connection: close\r\n" :
		old   ? "Connection: keep-alive\r\n" :
			"");
	assert(page_n < (int)sizeof page && head_n < (int)sizeof head);
	vn_buffer_put(client, head, (size_t)head_n);
	if (!asked || !(asked->note & NOTE_HEAD))
		vn_buffer_put(client, page, (size_t)page_n);
}

/* ---- */

static const struct vn_opt options[] = {
	{ "overwrite_host_header", VN_OPT_BOOL, offsetof(struct http_opts, overwrite_host_header),
	  "false", "Put the backend's address in place of the Host that the client asked for" },
	{ "keep_alive", VN_OPT_INERT, .def = "0",
	  .help = "Connections last as long as client and server agree" },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "Each client has a connection to the backend of its own" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

static const char *const alpn[] = { "http/1.1", "http/1.0", NULL };

VN_PROTOCOL(http,
	.help = "HTTP/1.0 and HTTP/1.1; tunnels, TLS and HTTP/2 pass as bytes",
	.options = options, .opts_size = sizeof(struct http_opts),
	.state_size = sizeof(struct http),
	.request = http_request, .response = http_response,
	.kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_COMMAND,
	.failures = failures, .refuse = http_refuse, .word = http_word, .alpn = alpn,
	.plain_answer = VN_SPAN("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n"
	                        "Connection: close\r\n\r\n"))
