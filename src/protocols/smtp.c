/* smtp.c - SMTP: commands and their replies, mails after DATA and BDAT, the server's errors.
 *
 * The server greets. Then each command is a line, and gets a reply of one or more lines, in order:
 *
 *   250-first            goes on
 *   250 last             ends it
 *
 * A 3yz reply is no answer yet: the server waits for more. These differ:
 *
 *   DATA                 after 354 a mail follows, up to a line with one dot; then its own reply
 *   BDAT n [LAST]        n bytes follow at once, whatever the reply is
 *   AUTH                 after 334 a line follows that is no command, perhaps several times
 *   STARTTLS             after 220 all bytes are encrypted
 *
 * With client_tls the STARTTLS of a client is ours: the server gets NOOP in its place, so that
 * rules can strike it, and when that is answered the line's last byte is still to be read: there
 * TLS begins.
 *
 * The bytes after DATA, AUTH or STARTTLS depend on the reply: they wait until it has come.
 *
 * A mail is an exchange of its own, MESSAGE, but it is decided together with its DATA: a server
 * that has agreed to take a mail forgets it only if the connection ends. If the mail is to be
 * refused, the server gets RSET instead of DATA, and the mail itself is discarded. */
#include <string.h>
#include <strings.h>

#include "vaurien.h"

enum {
	/* bytes of a subject; a command of more is shown and judged by so many */
	SUBJECT_MAX = 16384,
	REPLY_LINE_MAX = 4096,          /* bytes of a reply's line that are waited for */
	HOST_MAX = 64,
	REPLY_MAX = 500,                /* bytes of our text: RFC 5321 4.5.3.1.5 */
	GREETING_MAX = 16384,
};

#define CHUNK_MAX (1ull << 62)

/* Kinds of commands, for what they need besides; in message.note too. */
enum kind {
	PLAIN, EHLO, HELO, MAIL, RCPT, DATA, MESSAGE, BDAT, LAST, RSET, AUTH, STARTTLS, TURN, LMTP
};

enum {
	IS_HELLO   = VN_IS_OWN << 0,
	IS_MAIL    = VN_IS_OWN << 1,
	IS_RCPT    = VN_IS_OWN << 2,
	IS_DATA    = VN_IS_OWN << 3,
	IS_MESSAGE = VN_IS_OWN << 4,       /* a mail's content, or a chunk of it */
	IS_TLS     = VN_IS_OWN << 5,
	IS_LOOKUP  = VN_IS_OWN << 6,
	IS_MAILING = IS_MAIL | IS_RCPT | IS_DATA | IS_MESSAGE,
};

static const char *const own[] = { "EHLO",  "MAIL",     "RCPT",          "DATA",
	                           "mails", "STARTTLS", "VRFY and EXPN", NULL };

static const struct command { const char *verb; enum kind kind; unsigned is;
} commands[] = {
	{ "EHLO", EHLO, VN_IS_COMMAND | VN_IS_SETUP | IS_HELLO },
	{ "HELO", HELO, VN_IS_COMMAND | VN_IS_SETUP | IS_HELLO },
	{ "MAIL", MAIL, VN_IS_COMMAND | IS_MAIL },
	{ "RCPT", RCPT, VN_IS_COMMAND | IS_RCPT },
	{ "DATA", DATA, VN_IS_COMMAND | IS_DATA },
	{ "BDAT", BDAT, VN_IS_COMMAND | VN_IS_WRITE | IS_MESSAGE },
	{ "RSET", RSET, VN_IS_COMMAND },
	{ "AUTH", AUTH, VN_IS_LOGIN },
	{ "STARTTLS", STARTTLS, VN_IS_COMMAND | VN_IS_SETUP | IS_TLS },
	{ "VRFY", PLAIN, VN_IS_COMMAND | IS_LOOKUP },
	{ "EXPN", PLAIN, VN_IS_COMMAND | IS_LOOKUP },
	{ "TURN", TURN, VN_IS_COMMAND },
	{ "ATRN", TURN, VN_IS_COMMAND },
	{ "LHLO", LMTP, VN_IS_COMMAND },
	{ NULL, PLAIN, VN_IS_COMMAND },
};

/* Where the content of a mail stands: how far a line that is a dot has come. */
enum dots { LINE_BEGINS, INSIDE, DOT, DOT_CR, DOT_CRS };

struct smtp_opts { const char *tls; };

struct smtp {                           /* one connection */
	/* requests */
	/* UNDECIDED: by the reply to the latest; ENDED: a mail, perhaps */
	/* UPGRADE: the end of a STARTTLS is still to be read */
	enum { COMMANDS, UNDECIDED, CHALLENGED, CONTENT, ENDED, UPGRADE } mode;
	bool agreed;                    /* ... and TLS begins behind it */
	bool greeted;                   /* the server has sent its greeting */
	bool in_line;                   /* of a long command */
	bool bare;                      /* this client ends its lines without CR, dots too */
	/* the mail gets no further than here: its end is for us to see */
	bool swallowed;
	enum dots dots;
	/* the line before ended without CR | the latest byte was one */
	bool after_bare, cr;
	uint64_t recipients;            /* accepted, of the mail to come */

	/* replies */
	bool answering, in_reply_line;  /* one is under way | ... within a long line of it */
	bool unasked;                   /* ... which answers nothing, whatever is asked meanwhile */
	bool last;                      /* ... which is its last */
	bool interim;                   /* it is a challenge, or agrees to take a mail */
	unsigned code;                  /* of its latest line */
	bool extended, chunks;          /* the server listed what it can | ... BDAT is among it */
	char host[HOST_MAX];            /* as the server calls itself */
	uint8_t dialled;                /* how far our own commands to it are */

	/* refusals that name an address: so many were kept, so many of them worded */
	uint64_t kept, worded;
};

static const char
	RAW_TLS[] = "TLS begins",
	RAW_EARLY[] = "the client sent what is no command before the server's greeting",
	RAW_TURNED[] = "client and server have changed places",
	RAW_LMTP[] = "the client uses LMTP, not SMTP",
	RAW_AGREED[] = "the server agreed to what is not known here",
	RAW_ANSWER[] = "the server's reply is not understood",
	NOT_OFFERED[] =
		"STARTTLS is taken out of what the server offers, so that messages can be read "
		"(--protocol-smtp-tls pass leaves it in)",
	NO_TLS[] = "the backend has no TLS: its reply to EHLO does not offer STARTTLS",
	TLS_REFUSED[] = "the backend has no TLS: it refused STARTTLS",
	TLS_MORE[] = "the backend sent more than its reply to STARTTLS, before TLS",
	TLS_NONSENSE[] = "the backend has no TLS: what it sent before is not SMTP";

/* keys in the text cache: of a mail's sender and recipients; of addresses, from here on */
enum { ENVELOPE = 1, ADDRESSES };

static struct vn_cut piece(bool end, uint64_t len)
{
	return (struct vn_cut){ .kind = end ? VN_CUT_END : VN_CUT_PART, .len = len };
}

static bool strips(const struct vn_session *t)
{
	const struct smtp_opts *opts = t->opts;

	return !opts || !opts->tls || strcmp(opts->tls, "pass");
}

static bool is_hello(enum kind kind) { return kind == EHLO || kind == HELO; }

/* ---- TLS of the client leg ---- */

/* This proxy, not the server, does it. */
static bool has_client_tls(const struct vn_session *t)
{
	return t->tls & VN_TLS_CLIENT_MAY && !(t->secure & VN_LEG_CLIENT);
}

static bool offers_tls(const struct vn_session *t)
{
	return has_client_tls(t) && !(t->tls & VN_TLS_CLIENT_NEVER);
}

/* ---- words of a line ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next word; *line is behind it and its blanks then. n = 0: there is none. */
static struct vn_span word_take(struct vn_span *line)
{
	const uint8_t *p = line->p, *end, *from;

	if (!line->n)
		return *line;
	end = p + line->n;
	while (p < end && is_blank(*p))
		p++;
	for (from = p; p < end && !is_blank(*p); )
		p++;
	struct vn_span word = { from, (size_t)(p - from) };
	while (p < end && is_blank(*p))
		p++;
	*line = (struct vn_span){ p, (size_t)(end - p) };
	return word;
}

static bool word_is(struct vn_span word, const char *name)
{
	return word.n == strlen(name) && !strncasecmp((const char *)word.p, name, word.n);
}

static bool number_read(struct vn_span word, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9' || *n > CHUNK_MAX / 10)
			return false;
		*n = *n * 10 + word.p[i] - '0';
	}
	return word.n;
}

/* ---- the envelope: what a mail is about ---- */

static void envelope_add(struct vn_session *t, struct vn_span argument)
{
	struct vn_span text = vn_text_cache_get(t->texts, ENVELOPE);

	if (text.n + argument.n >= SUBJECT_MAX)
		return;
	vn_buffer_put(t->scratch, text.p, text.n);
	if (text.n)
		vn_buffer_byte(t->scratch, ' ');
	vn_buffer_put(t->scratch, argument.p, argument.n);
	vn_text_cache_put(t->texts, ENVELOPE, vn_buffer_span(t->scratch));
}

static void envelope_begin(struct vn_session *t, struct vn_span argument)
{
	vn_text_cache_drop(t->texts, ENVELOPE);
	envelope_add(t, argument);
}

/* ---- requests ---- */

/* In capitals; what cannot be shown is not. */
static void verb_put(char verb[24], struct vn_span name)
{
	for (size_t i = 0; i < name.n && i < 23; i++) {
		uint8_t c = name.p[i];
		verb[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c > ' ' && c < 127 ? c : '?');
	}
	if (!name.n)
		strcpy(verb, "EMPTY");
}

static const struct command *command_find(struct vn_span verb)
{
	const struct command *c = commands;

	while (c->verb && !word_is(verb, c->verb))
		c++;
	return c;
}

/* Bytes behind "BDAT n [LAST]". A server that knows no such command takes what follows for
 * others. */
static uint64_t chunk_length(const struct smtp *s, struct vn_span argument, struct vn_message *m)
{
	uint64_t n;
	struct vn_span count = word_take(&argument), last = word_take(&argument);

	if ((s->extended && !s->chunks) || !number_read(count, &n) || argument.n ||
	    (last.n && !word_is(last, "LAST"))) {
		m->note = PLAIN;
		m->is = VN_IS_COMMAND;
		return 0;
	}
	if (last.n)
		m->note = LAST;
	return n;
}

static void data_ask(struct vn_session *t, struct vn_span line, struct vn_message *m)
{
	/* on loan for the length of the call, as all that *m points to */
	static _Thread_local struct vn_message mail;
	struct smtp *s = t->state;

	s->mode = UNDECIDED;
	s->bare = line.n < 2 || line.p[line.n - 2] != '\r';
	mail = (struct vn_message){ .role = VN_ASKS,
		                    .is = VN_IS_COMMAND | VN_IS_WRITE | IS_MESSAGE,
		                    .verb = "MESSAGE",
		                    .note = MESSAGE,
		                    .subject = vn_text_cache_get(t->texts, ENVELOPE) };
	m->sequel = &mail;
	m->agreed = "agreed";
}

static void starttls_ask(struct vn_session *t, struct vn_message *m)
{
	struct smtp *s = t->state;

	if (offers_tls(t))
		m->failure = "no_parameter";    /* upgrade_ask() takes those without */
	else if (has_client_tls(t))
		m->failure = "tls_unavailable";
	else if (t->secure & VN_LEG_CLIENT)
		m->failure = "tls_active";
	else if (strips(t))
		m->failure = "not_encrypted";
	else
		s->mode = UNDECIDED;
}

/* All of a STARTTLS but its last byte: the server gets a command that does nothing. */
static struct vn_cut upgrade_ask(struct vn_session *t, size_t line)
{
	struct smtp *s = t->state;
	static const char nothing[] = "NOOP\r\n";

	s->mode = UPGRADE;
	s->agreed = false;
	return (struct vn_cut){ VN_CUT_END, line - 1, .replaced = true,
		                .instead = { (const uint8_t *)nothing, strlen(nothing) } };
}

/* All begins anew in TLS: RFC 3207 4.2. */
static void state_reset(struct vn_session *t)
{
	struct smtp *s = t->state;

	s->extended = s->chunks = false;
	s->recipients = 0;
	vn_text_cache_drop(t->texts, ENVELOPE);
}

/* The last byte of a STARTTLS, when its answer is known. */
static struct vn_cut upgrade_request(struct vn_session *t, struct vn_message *m)
{
	static const char ready[] = "220 2.0.0 Ready to start TLS\r\n";
	struct smtp *s = t->state;

	if (t->owed)
		return (struct vn_cut){ .kind = VN_CUT_WAIT };
	s->mode = COMMANDS;
	if (s->agreed) {
		state_reset(t);
		return (struct vn_cut){ VN_CUT_TLS, 1, .leg = VN_LEG_CLIENT, .discards = true,
			                .instead = { (const uint8_t *)ready, strlen(ready) } };
	}
	*m = (struct vn_message){ .role = VN_SILENT, .verb = "STARTTLS" };
	return (struct vn_cut){ VN_CUT_END, 1, .replaced = true };
}

/* With client_tls = require: what a client may send in plain text. */
static bool is_early(const struct vn_session *t, const struct vn_message *m, struct vn_span verb)
{
	return is_hello((enum kind)m->note) || m->note == STARTTLS || word_is(verb, "NOOP") ||
	       word_is(verb, "QUIT") || !(t->tls & VN_TLS_CLIENT_MUST) ||
	       t->secure & VN_LEG_CLIENT;
}

/* The name of the failure that answers a command, whatever the rules are. */
static const char *rejection(const struct vn_session *t, const struct vn_message *m,
                             struct vn_span verb)
{
	bool open = !(t->tls & VN_TLS_BACKEND) || t->secure & VN_LEG_BACKEND ||
	            word_is(verb, "QUIT");

	return !open ? "no_backend_tls" : !is_early(t, m, verb) ? "no_encryption" : NULL;
}

/* What a whole line asks. Returns how many bytes follow it that belong to it. */
static uint64_t command_tell(struct vn_session *t, struct vn_span line, struct vn_message *m)
{
	struct smtp *s = t->state;

	switch (m->note) {
	case MAIL: envelope_begin(t, m->subject); break;
	case RCPT: envelope_add(t, m->subject); break;
	case DATA: data_ask(t, line, m); break;
	case BDAT: return chunk_length(s, m->subject, m);
	case STARTTLS: starttls_ask(t, m); break;
	case AUTH:
		/* the mechanism: what follows is a secret */
		m->subject = word_take(&m->subject);
		s->mode = UNDECIDED;
		break;
	}
	return 0;
}

/* Before the greeting the server may wait for bytes that are no commands: they do not wait for the
 * end of a line. */
static bool is_preamble(struct vn_span line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((line.p[i] < ' ' && !is_blank(line.p[i])) || line.p[i] >= 127)
			return true;
	return false;
}

static struct vn_cut command_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	const size_t n = in.n < SUBJECT_MAX ? in.n : SUBJECT_MAX;
	const uint8_t *end = memchr(in.p, '\n', n);
	struct smtp *s = t->state;

	if (in.p[0] == 0x16 && !t->tls)
		return vn_cut_raw(t, RAW_TLS);
	if (!s->greeted && is_preamble((struct vn_span){ in.p, end ? (size_t)(end - in.p) : n }))
		return vn_cut_raw(t, RAW_EARLY);
	if (!end && n < SUBJECT_MAX)
		return vn_cut_more();
	struct vn_span line = { in.p, end ? (size_t)(end - in.p) + 1 : n };
	/* to a server a zero is an end */
	struct vn_span text = { in.p, strnlen((const char *)in.p, line.n) };
	while (text.n && is_blank(text.p[text.n - 1]))
		text.n--;
	struct vn_span verb = word_take(&text);
	const struct command *c = command_find(verb);
	if (c->kind == LMTP)
		return vn_cut_raw(t, RAW_LMTP);
	*m = (struct vn_message){ .role = VN_ASKS, .is = c->is, .subject = text, .note = c->kind };
	verb_put(m->verb, verb);
	s->in_line = !end;
	m->failure = rejection(t, m, verb);
	if (m->failure) {
		m->note = PLAIN;
		if (m->is == VN_IS_LOGIN)
			m->subject = (struct vn_span){ 0 };
		return piece(end, line.n);
	}
	if (end && c->kind == STARTTLS && offers_tls(t) && !text.n)
		return upgrade_ask(t, line.n);
	if (end)
		return piece(true, line.n + command_tell(t, line, m));
	m->note = PLAIN;
	if (m->is == VN_IS_LOGIN)
		m->subject = (struct vn_span){ 0 };
	return piece(false, line.n);
}

/* The rest of a line, of a long command or in answer to a challenge. */
static struct vn_cut line_request(struct vn_span in, bool *in_line)
{
	const uint8_t *end = memchr(in.p, '\n', in.n);

	*in_line = !end;
	return piece(end, end ? (uint64_t)(end - in.p) + 1 : in.n);
}

static struct vn_cut challenge_request(struct vn_session *t, struct vn_span in,
                                       struct vn_message *m)
{
	struct smtp *s = t->state;
	struct vn_cut cut = line_request(in, &s->in_line);

	*m = (struct vn_message){ .role = VN_GOES_ON, .verb = "AUTH" };
	if (cut.kind == VN_CUT_END)
		s->mode = UNDECIDED;
	return cut;
}

/* ---- a mail's content ---- */

enum found { NOTHING, AN_END, THE_END };        /* an end: to some servers, for CRs are amiss */

/* A line that begins with a dot goes on by this byte. */
static enum found dot_step(struct smtp *s, uint8_t c)
{
	bool proper = s->dots == DOT_CR && !s->after_bare;

	if (c == '\r')
		s->dots = s->dots == DOT ? DOT_CR : DOT_CRS;
	else if (c != '\n')
		s->dots = INSIDE;
	else {
		s->after_bare = s->dots == DOT;
		s->dots = LINE_BEGINS;
		return proper ? THE_END : AN_END;
	}
	return NOTHING;
}

/* Go on to where a line that is a dot has ended, or to the end of these bytes; *at is behind that
 * then. */
static enum found content_walk(struct smtp *s, struct vn_span in, size_t *at)
{
	size_t i = *at;
	enum found found = NOTHING;

	while (i < in.n && found == NOTHING) {
		if (s->dots == LINE_BEGINS) {
			s->dots = in.p[i] == '.' ? DOT : INSIDE;
			i += s->dots == DOT;
		} else if (s->dots != INSIDE) {
			found = dot_step(s, in.p[i]);
			i += s->dots != INSIDE;
		} else {
			const uint8_t *end = memchr(in.p + i, '\n', in.n - i);
			if (!end) {
				i = in.n;
				break;
			}
			i = (size_t)(end - in.p) + 1;
			s->after_bare = i > 1 ? end[-1] != '\r' : !s->cr;
			s->dots = LINE_BEGINS;
		}
	}
	s->cr = in.p[i - 1] == '\r';
	*at = i;
	return found;
}

/* A dot between lines that end as they should is the end. One that lacks a CR is one for a client
 * that never sends them; of others the server decides: what follows tells, if it comes before the
 * reply. */
static struct vn_cut content_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct smtp *s = t->state;
	enum found found;
	size_t at = 0;

	do
		found = content_walk(s, in, &at);
	while (found == AN_END && s->swallowed && !s->bare && at < in.n);
	bool sure = found == THE_END || (found == AN_END && s->bare),
	     perhaps = found == AN_END && !s->swallowed;
	*m = (struct vn_message){ .role = VN_GOES_ON, .verb = "MESSAGE" };
	if (sure || perhaps)
		s->mode = sure ? COMMANDS : ENDED;
	return piece(sure || perhaps, at);
}

static void content_begin(struct smtp *s, bool swallowed)
{
	s->mode = CONTENT;
	s->swallowed = swallowed;
	s->dots = LINE_BEGINS;
	s->after_bare = s->cr = false;
}

static struct vn_cut smtp_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct smtp *s = t->state;

	if (s->mode == UNDECIDED && t->owed)
		return (struct vn_cut){ .kind = VN_CUT_WAIT };
	if (s->mode == UNDECIDED || (s->mode == ENDED && !t->owed))
		s->mode = COMMANDS;
	switch (s->mode) {
	case CONTENT: case ENDED: return content_request(t, in, m);
	case CHALLENGED: return challenge_request(t, in, m);
	case UPGRADE: return upgrade_request(t, m);
	default: return s->in_line ? line_request(in, &s->in_line) : command_request(t, in, m);
	}
}

/* ---- replies ---- */

static enum kind asked_kind(const struct vn_message *asked)
{
	return !asked || asked->note & VN_NOTE_SUBSTITUTE ? PLAIN : (enum kind)asked->note;
}

enum step { WAIT, ON, BAD };

/* A line, or what is at hand of a long one; *at is behind it then. */
static enum step reply_line(struct smtp *s, struct vn_span in, size_t *at)
{
	const uint8_t *p = in.p + *at, *end = memchr(p, '\n', in.n - *at);
	size_t n = end ? (size_t)(end - p) + 1 : in.n - *at;

	for (size_t i = 0; !s->in_reply_line && i < n && i < 4; i++)
		if (i < 3 ? p[i] < '0' || p[i] > '9' : !memchr(" -\r\n", p[i], 4))
			return BAD;
	if (!end && !s->in_reply_line && n < REPLY_LINE_MAX)
		return WAIT;
	if (!s->in_reply_line) {
		s->code = (unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 + p[2] - '0';
		s->last = p[3] != '-';
	}
	s->in_reply_line = !end;
	*at += n;
	return ON;
}

static bool reply_whole(const struct smtp *s)
{
	return s->last && !s->in_reply_line;
}

/* The first word behind the code of a line. */
static struct vn_span reply_keyword(struct vn_span line)
{
	struct vn_span text = { line.p + 4, line.n > 4 ? line.n - 4 : 0 };

	return word_take(&text);
}

static void reply_put(struct vn_buffer *o, struct vn_span line, bool last)
{
	if (!line.n)
		return;
	vn_buffer_put(o, line.p, 3);
	vn_buffer_byte(o, last ? ' ' : '-');
	vn_buffer_put(o, line.p + 4, line.n - 4);
}

/* What the server can: that is its own affair, but for STARTTLS, which is taken out wherever it
 * stands. */
static struct vn_cut hello_answer(struct vn_session *t, struct vn_span in,
                                  const struct vn_message *asked)
{
	struct smtp *s = t->state;
	struct vn_span kept = { 0 };
	bool chunks = false, offered = false, offers = offers_tls(t);
	enum step step = ON;
	size_t at = 0;

	do {
		size_t from = at;
		if (at == in.n || (step = reply_line(s, in, &at)) != ON || s->in_reply_line)
			return step == BAD || s->in_reply_line ? vn_cut_raw(t, RAW_ANSWER) :
			                                         vn_cut_more();
		struct vn_span line = { in.p + from, at - from }, word = reply_keyword(line);
		chunks |= from && word_is(word, "CHUNKING");
		if (from && strips(t) && word_is(word, "STARTTLS")) {
			offered = true;
			continue;
		}
		reply_put(t->scratch, kept, false);
		kept = line;
	} while (!s->last);
	s->extended = in.p[3] == '-';
	s->chunks = chunks;
	offers &= in.p[0] == '2' && asked_kind(asked) == EHLO;
	reply_put(t->scratch, kept, !offers);
	if (offers)
		vn_buffer_put(t->scratch, "250 STARTTLS\r\n", 14);
	if (offered && !t->tls)
		t->notice = NOT_OFFERED;
	return (struct vn_cut){ .kind = VN_CUT_END,
		                .len = at,
		                .replaced = offered || offers,
		                .instead = vn_buffer_span(t->scratch) };
}

static void host_learn(struct vn_session *t, struct vn_span line)
{
	struct smtp *s = t->state;
	struct vn_span host = reply_keyword(line);

	if (s->code != 220 || host.n >= HOST_MAX)
		return;
	memcpy(s->host, host.p, host.n);
	s->host[host.n] = '\0';
	vn_backend_note_name_set(t->backend_note, host);
}

static bool is_good(unsigned code) { return code / 100 == 2; }

/* A reply is whole: what has changed by it. */
static void answer_learn(struct vn_session *t, const struct vn_message *asked)
{
	struct smtp *s = t->state;
	bool good = is_good(s->code);

	switch (asked_kind(asked)) {
	case EHLO: case HELO: case MAIL: case RSET:
		if (good)
			s->recipients = 0;
		break;
	case RCPT:
		s->recipients += good;
		break;
	case DATA:
		if (s->interim)
			content_begin(s, false);
		t->no_sequel = !s->interim;
		break;
	case MESSAGE: case LAST:
		s->recipients = 0;
		break;
	case STARTTLS:
		if (s->mode == UPGRADE)
			s->agreed = good;
		else
			t->raw = good ? RAW_TLS : NULL;
		break;
	case TURN:
		t->raw = good ? RAW_TURNED : NULL;
		break;
	default:
		if (s->code / 100 == 3 && asked && !(asked->note & VN_NOTE_SUBSTITUTE))
			t->raw = RAW_AGREED;
	}
}

/* The server waits for more before it answers. */
static bool is_interim(const struct smtp *s, const struct vn_message *asked)
{
	enum kind kind = asked_kind(asked);

	return (kind == AUTH && s->code == 334) || (kind == DATA && s->code == 354);
}

/* As much of it as is at hand. */
static struct vn_cut answer(struct vn_session *t, struct vn_span in, const struct vn_message *asked)
{
	struct smtp *s = t->state;
	enum step step = ON;
	size_t at = 0;

	do {
		step = reply_line(s, in, &at);
		if (!s->answering && at)
			s->interim = is_interim(s, asked);
		s->answering |= at;
	} while (step == ON && at < in.n && !reply_whole(s));
	if (!at)
		return step == BAD ? vn_cut_raw(t, RAW_ANSWER) : vn_cut_more();
	if (step != ON || !reply_whole(s))
		return piece(false, at);
	s->answering = false;
	if (s->interim && asked_kind(asked) == AUTH)
		s->mode = CHALLENGED;
	else
		answer_learn(t, asked);
	return piece(true, at);
}

static struct vn_cut reply_cut(struct vn_session *t, struct vn_span in,
                                   const struct vn_message *asked, struct vn_message *m)
{
	struct smtp *s = t->state;
	struct vn_cut cut;
	bool first = !s->answering, greets = asked && asked->is & VN_IS_OPENING;

	if (first)
		s->unasked = !asked;
	else if (s->unasked)
		asked = NULL;
	if (first)
		s->interim = false;
	if (first && is_hello(asked_kind(asked)))
		cut = hello_answer(t, in, asked);
	else
		cut = answer(t, in, asked);
	if (!first || cut.kind == VN_CUT_MORE || cut.kind == VN_CUT_RAW)
		return cut;
	if (is_hello(asked_kind(asked)))
		answer_learn(t, asked);
	if (greets)
		host_learn(t, in);
	s->greeted |= greets;
	*m = (struct vn_message){ .role = !asked     ? VN_PUSH :
		                          s->interim ? VN_INTERIM :
		                                       VN_ANSWERS,
		                  .head = 4 };
	m->is = asked ? asked->is : 0;
	strcpy(m->verb, in.p[0] >= '4' ? "ERROR" : "ANSWER");
	if (in.p[0] >= '4' && asked && !(asked->note & VN_NOTE_SUBSTITUTE))
		vn_session_error(t, (const char *)in.p, 3);
	return cut;
}

/* The server's reply to what replaced a STARTTLS is not for the client, if it is good. */
static struct vn_cut smtp_response(struct vn_session *t, struct vn_span in,
                                   const struct vn_message *asked, struct vn_message *m)
{
	struct smtp *s = t->state;
	bool ours = s->mode == UPGRADE && asked_kind(asked) == STARTTLS;
	struct vn_cut cut = reply_cut(t, in, asked, m);

	if (ours && is_good(s->code) && (cut.kind == VN_CUT_PART || cut.kind == VN_CUT_END))
		cut.replaced = true;
	return cut;
}

/* ---- TLS of the backend leg ---- */

/* A whole reply, of which the first line begins at *at; *at is behind it then. `has`: a line of it
 * begins with this word. */
static bool dialled_reply(struct vn_span in, size_t *at, unsigned *code, const char *word,
                          bool *has)
{
	struct smtp r = { 0 };
	size_t from = *at;

	*has = false;
	do {
		size_t line = from;
		if (line >= in.n || reply_line(&r, in, &from) != ON || r.in_reply_line)
			return false;
		*has |= word_is(reply_keyword((struct vn_span){ in.p + line, from - line }), word);
	} while (!r.last);
	*at = from;
	*code = r.code;
	return true;
}

static enum vn_secure dial_failed(struct vn_session *t, const char *why)
{
	t->notice = why;
	return VN_SECURE_NONE;
}

static enum vn_secure dial_say(struct vn_session *t, const char *line, struct vn_buffer *backend)
{
	struct smtp *s = t->state;

	s->dialled++;
	vn_buffer_put(backend, line, strlen(line));
	return VN_SECURE_MORE;
}

/* Greeting, EHLO, STARTTLS. A server whose greeting is a refusal says it to the client. */
static enum vn_secure smtp_secure(struct vn_session *t, struct vn_span in,
                                  struct vn_buffer *backend)
{
	struct smtp *s = t->state;
	unsigned code = 0;
	size_t at = 0, greeting;
	bool has;

	for (size_t i = 0; i < in.n && i < 3; i++)
		if (in.p[i] < '0' || in.p[i] > '9')
			return dial_failed(t, TLS_NONSENSE);
	if (in.n > GREETING_MAX)
		return dial_failed(t, TLS_NONSENSE);
	if (!dialled_reply(in, &at, &code, "", &has))
		return VN_SECURE_MORE;
	greeting = at;
	if (code != 220) {
		vn_buffer_put(t->kept, in.p, in.n);
		return VN_SECURE_LATER;
	}
	if (!s->dialled)
		return dial_say(t, "EHLO [127.0.0.1]\r\n", backend);
	if (!dialled_reply(in, &at, &code, "STARTTLS", &has))
		return VN_SECURE_MORE;
	if (!is_good(code) || !has)
		return dial_failed(t, NO_TLS);
	if (s->dialled == 1)
		return dial_say(t, "STARTTLS\r\n", backend);
	if (!dialled_reply(in, &at, &code, "", &has))
		return VN_SECURE_MORE;
	if (code != 220 || at < in.n)
		return dial_failed(t, code != 220 ? TLS_REFUSED : TLS_MORE);
	vn_buffer_put(t->kept, in.p, greeting);
	return VN_SECURE_START;
}

/* ---- saying no ---- */

/* failure.number: in words; behind the address that is refused; not at all */
enum wording { WORDS, ADDRESS, SILENCE };

static const struct vn_failure failures[] = {
	/* on a recipient */
	{ "user_unknown", "550 5.1.1",
	  "Recipient address rejected: User unknown in virtual mailbox table", IS_RCPT | IS_LOOKUP,
	  VN_ON_REQUEST, VN_STAY, ADDRESS },
	{ "relay_denied", "554 5.7.1", "Relay access denied", IS_RCPT, VN_ON_REQUEST, VN_STAY,
	  ADDRESS },
	{ "greylisted", "451 4.7.1", "Recipient address rejected: Greylisted, try again later",
	  IS_RCPT, VN_ON_REQUEST, VN_STAY, ADDRESS },
	{ "mailbox_busy", "450 4.2.1", "Recipient address rejected: mailbox busy", IS_RCPT,
	  VN_ON_REQUEST, VN_STAY, ADDRESS },
	{ "mailbox_full", "452 4.2.2", "Recipient address rejected: Mailbox full", IS_RCPT,
	  VN_ON_REQUEST, VN_STAY, ADDRESS },
	{ "too_many_recipients", "452 4.5.3", "Error: too many recipients", IS_RCPT, VN_ON_REQUEST,
	  VN_STAY },
	/* on a mail, before its content or behind it */
	{ "sender_rejected", "553 5.1.8", "Sender address rejected: Domain not found", IS_MAIL,
	  VN_ON_REQUEST, VN_STAY, ADDRESS },
	{ "too_many_requests", "450 4.7.1", "Error: too much mail from 127.0.0.1", IS_MAIL,
	  VN_ON_REQUEST, VN_STAY },
	{ "policy", "550 5.7.1", "Command rejected", IS_MAILING, VN_ON_REQUEST, VN_STAY },
	{ "internal_error", "451 4.3.0", "Error: local error in processing", IS_MAILING,
	  VN_ON_REQUEST, VN_STAY },
	{ "disk_full", "452 4.3.1", "Insufficient system storage", IS_MAILING, VN_ON_REQUEST,
	  VN_STAY },
	{ "overloaded", "451 4.3.2", "Server too busy, please try again later", IS_MAILING,
	  VN_ON_REQUEST, VN_STAY },
	{ "unavailable", "451 4.7.1", "Service unavailable - try again later",
	  IS_MAILING | IS_HELLO, VN_ON_REQUEST, VN_STAY },
	{ "pooler_timeout", "451 4.4.1", "Error: the server behind this one does not answer",
	  IS_MAILING, VN_ON_REQUEST, VN_STAY, .by_name = true },
	{ "io_error", "451 4.3.0", "Error: queue file write error", IS_MESSAGE, VN_ON_REQUEST,
	  VN_STAY },
	{ "too_big", "552 5.3.4", "Error: message file too big", IS_MAIL | IS_MESSAGE,
	  VN_ON_REQUEST, VN_STAY },
	{ "spam", "554 5.7.1", "Spam message rejected", IS_MESSAGE, VN_ON_REQUEST, VN_STAY },
	/* on what comes before mails */
	{ "access_denied", "535 5.7.8", "Error: authentication failed: authentication failure",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_STAY },
	{ "login_unavailable", "454 4.7.0", "Temporary authentication failure: generic failure",
	  VN_IS_LOGIN, VN_ON_REQUEST, VN_STAY },
	{ "tls_unavailable", "454 4.7.0", "TLS not available due to local problem", IS_TLS,
	  VN_ON_REQUEST, VN_STAY },
	/* on the connection */
	{ "too_many_connections", "421 4.7.0",
	  "localhost Error: too many connections from 127.0.0.1", VN_IS_OPENING, VN_ON_REQUEST,
	  VN_CLOSE },
	{ "ports_busy", "421 4.3.2", "All server ports are busy", VN_IS_OPENING, VN_ON_REQUEST,
	  VN_CLOSE },
	{ "no_service", "554", "No SMTP service here", VN_IS_OPENING, VN_ON_REQUEST, VN_CLOSE },
	{ "shutting_down", "421 4.3.2",
	  "localhost Service not available, closing transmission channel",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE },
	{ "too_many_errors", "421 4.7.0", "localhost Error: too many errors",
	  VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST, VN_CLOSE },
	{ "idle_timeout", "421 4.4.2", "localhost Error: timeout exceeded", VN_IS_COMMAND,
	  VN_ON_REST, VN_CLOSE },
	{ "crash", "RST", "the connection is reset without a word",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_RESET,
	  SILENCE },
	{ "gone", "FIN", "the connection is closed without a word",
	  VN_IS_OPENING | VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE,
	  SILENCE },
	/* the protocol's own: agreement to a mail that will be refused, and to no TLS */
	{ "agreed", "354", "End data with <CR><LF>.<CR><LF>", 0, 0, VN_STAY },
	{ "not_encrypted", "502 5.5.1", "Error: command not implemented", 0, 0, VN_STAY },
	/* ... what is said about TLS of our own */
	{ "no_parameter", "501 5.5.4", "Syntax: STARTTLS", 0, 0, VN_STAY },
	{ "no_encryption", "530 5.7.0", "Must issue a STARTTLS command first", 0, 0, VN_STAY,
	  .no_tls = true },
	{ "tls_active", "554 5.5.1", "Error: TLS already active", 0, 0, VN_STAY },
	{ "no_backend_tls", "421 4.4.2", "localhost Error: the server is not reached by TLS", 0, 0,
	  VN_CLOSE },
	{ 0 }
};

static void text_put(struct vn_buffer *o, const char *text)
{
	vn_buffer_put(o, text, strlen(text));
}

/* The address in "TO:<bob@example.test> NOTIFY=NEVER" or in "bob@example.test". */
static struct vn_span address_read(struct vn_span argument)
{
	struct vn_span word = word_take(&argument);
	const uint8_t *colon = word.n ? memchr(word.p, ':', word.n) : NULL;

	if (colon && colon + 1 == word.p + word.n)      /* a blank behind "TO:" is let pass */
		word = word_take(&argument);
	else if (colon)
		word = (struct vn_span){ colon + 1, word.n - (size_t)(colon + 1 - word.p) };
	if (word.n >= 2 && word.p[0] == '<' && word.p[word.n - 1] == '>')
		word = (struct vn_span){ word.p + 1, word.n - 2 };
	return word;
}

/* It is kept until the refusal is worded; they are worded in the order of their commands. */
static void address_keep(struct vn_session *t, struct vn_span argument)
{
	struct smtp *s = t->state;
	struct vn_span address = address_read(argument);

	address.n = address.n < REPLY_MAX / 2 ? address.n : REPLY_MAX / 2;
	vn_text_cache_put(t->texts, ADDRESSES + s->kept++, address);
}

static void address_word(struct vn_session *t, struct vn_buffer *client)
{
	struct smtp *s = t->state;
	uint64_t key = ADDRESSES + s->worded++;
	struct vn_span address = vn_text_cache_get(t->texts, key);

	text_put(client, "<");
	vn_buffer_put(client, address.p, address.n);
	text_put(client, ">: ");
	vn_text_cache_drop(t->texts, key);
}

/* A command is replaced by NOOP, which does nothing. A mail, or a part of one, is replaced by RSET,
 * which ends its transaction. */
static int smtp_refuse(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *backend)
{
	bool mail = asked->is & IS_MESSAGE;

	if (f->number == ADDRESS)
		address_keep(t, asked->subject);
	if (f->end != VN_STAY || !f->fits)
		return 0;
	text_put(backend, mail ? "RSET\r\n" : "NOOP\r\n");
	return 1;
}

/* The text, with the server's own name, as far as one of its greetings was seen, and the client's
 * address. */
static void named_put(const struct vn_session *t, const char *text, struct vn_buffer *client)
{
	const struct smtp *s = t->state;
	const char *host = *s->host ? s->host : vn_backend_note_name(t->backend_note);
	const char *address = *t->client ? t->client : "unknown";
	char reply[REPLY_MAX];
	const struct vn_name names[] = {
		{ "localhost", { (const uint8_t *)host, host ? strlen(host) : 0 } },
		{ "127.0.0.1", { (const uint8_t *)address, strlen(address) } },
	};
	vn_buffer_put(client, reply, vn_text_named(reply, sizeof reply, text, names, 2));
}

/* A size that the client announces is refused in other words than one that was seen. */
static const char *text_of(const struct vn_message *asked, const struct vn_failure *f)
{
	bool announced = asked && asked->is & IS_MAIL && !strcmp(f->name, "too_big");

	return announced ? "Message size exceeds fixed limit" : f->text;
}

static void reply_word(struct vn_session *t, const struct vn_message *asked,
                       const struct vn_failure *f, struct vn_buffer *client)
{
	text_put(client, f->code);
	text_put(client, " ");
	if (f->number == ADDRESS)
		address_word(t, client);
	named_put(t, text_of(asked, f), client);
	text_put(client, "\r\n");
}

/* Accept DATA for a mail that will be refused, unless it has no recipient left. */
static void agree_word(struct vn_session *t, const struct vn_failure *f, struct vn_buffer *client)
{
	struct smtp *s = t->state;

	t->no_sequel = !s->recipients;
	vn_session_worded(t, "554", s->recipients ? 0 : 3);
	if (s->recipients)
		content_begin(s, true);
	const struct vn_failure none = { .code = "554 5.5.1",
		                         .text = "Error: no valid recipients" };
	reply_word(t, NULL, s->recipients ? f : &none, client);
	s->recipients = 0;
}

static void smtp_word(struct vn_session *t, const struct vn_message *asked,
                      const struct vn_failure *f, struct vn_buffer *client)
{
	if (!strcmp(f->name, "agreed"))
		agree_word(t, f, client);
	else if (f->number != SILENCE)
		reply_word(t, asked, f, client);
}

/* ---- */

static const char *const tls_choices[] = { "strip", "pass", NULL };

static const struct vn_opt options[] = {
	{ "tls", VN_OPT_CHOICE, offsetof(struct smtp_opts, tls), "strip",
	  "strip: remove STARTTLS from what the server offers, so that messages can be read, and "
	  "offer the proxy's own with client_tls; pass: allow it",
	  .choices = tls_choices },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "A session's state cannot be handed to another client" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

VN_PROTOCOL(
	smtp,
	.help = "SMTP: commands, pipelines, logins; the mail after DATA is an exchange of its own, "
	        "MESSAGE",
	.options = options, .opts_size = sizeof(struct smtp_opts),
	.state_size = sizeof(struct smtp), .server_first = true, .request = smtp_request,
	.response = smtp_response, .failures = failures, .own = own,
	.kinds = VN_IS_WRITE | VN_IS_LOGIN | VN_IS_COMMAND, .refuse = smtp_refuse,
	.word = smtp_word, .tls_start = VN_TLS_UPGRADE, .secure = smtp_secure,
	.plain_answer = VN_SPAN("500 5.5.2 Error: bad syntax\r\n"))
