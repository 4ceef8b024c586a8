/* memcache.c - memcached's text, meta and binary protocols: where messages end, what a request
 * does, its errors.
 *
 * A request is a line; one that stores is followed by its data. Each gets one answer, in order:
 *
 *   get, gat ...         VALUE lines, each with its bytes, then END
 *   stats, metadump      lines, then END
 *   mg ms md ma          a line; after VA its bytes
 *   all others           a line
 *   with "noreply"       no answer, also if it is refused; neither has quit
 *   with the flag q      no answer in the usual case: known when the next answer is not its own
 *   watch                lines without an end: the connection becomes raw
 *
 * A request that begins with 0x80 is of the binary protocol. Its head of 24 bytes has all lengths;
 * an answer names its command. It has quiet commands too. */
#include <stdio.h>
#include <string.h>

#include "vaurien.h"

enum {
	WORDS_MAX = 23,                 /* of a line, that the server looks at */
	META_WORDS_MAX = 19,
	KEY_MAX = 250,
	SUBJECT_MAX = 16384,            /* bytes of a subject */
	WAIT_MAX = SUBJECT_MAX + 1024,  /* bytes of a request's line that it waits for */
	LINE_MAX_WAIT = 4096,           /* bytes of an answer's line that are waited for */
	HEAD = 24,                      /* bytes of a binary message that say what it is */
	ECHO_MAX = 320,
};

#define LENGTH_MAX (1ull << 40)         /* of a value in an answer */

/* What a command is besides. */
enum {
	IS_GROWING = VN_IS_OWN << 0,       /* it may need memory */
	IS_STORE   = VN_IS_OWN << 1,       /* it brings data ... */
	/* ... and where there is no room for them, the old ones go too */
	IS_SET     = VN_IS_OWN << 2,
	IS_CAS     = VN_IS_OWN << 3,       /* it wants the item unchanged */
	/* a connection's first set: it carries the password if the server requires one */
	MAY_LOGIN  = VN_IS_OWN << 4,
	STORES     = VN_IS_WRITE | IS_STORE | IS_GROWING,
	COUNTS     = VN_IS_WRITE | IS_GROWING,
};

static const char *const own[] = {      /* the same in words, in their order */
	"what may need memory", "what brings data", "sets", "cas", "a connection's first set", NULL
};

enum kind { LINE, GETS, LISTS, META, FENCE, ENDLESS, QUITS };

/* The first row that fits a line's words is its command; a line without one is refused by the
 * server, in a line. `data`: the word that counts the bytes behind the line. `hush`: of so many
 * words the last may be "noreply". */
static const struct command {
	const char *name, *second;
	uint8_t least, most, data, hush;        /* of words */
	enum kind kind;
	unsigned is;
} commands[] = {
	{ "get",     NULL, 2, WORDS_MAX, 0, 0, GETS, VN_IS_READ | IS_GROWING },
	{ "set",     NULL, 5, 6, 4, 5, LINE, STORES | IS_SET },
	{ "gets",    NULL, 2, WORDS_MAX, 0, 0, GETS, VN_IS_READ | IS_GROWING },
	{ "mg",      NULL, 2, META_WORDS_MAX, 0, 0, META, VN_IS_READ },
	{ "ms",      NULL, 3, META_WORDS_MAX, 2, 0, META, STORES | IS_SET },
	{ "md",      NULL, 2, META_WORDS_MAX, 0, 0, META, VN_IS_WRITE },
	{ "ma",      NULL, 2, META_WORDS_MAX, 0, 0, META, COUNTS },
	{ "mn",      NULL, 1, WORDS_MAX, 0, 0, FENCE, 0 },
	{ "me",      NULL, 2, WORDS_MAX, 0, 0, LINE, VN_IS_READ },
	{ "delete",  NULL, 2, 4, 0, 3, LINE, VN_IS_WRITE },
	{ "incr",    NULL, 3, 4, 0, 3, LINE, COUNTS },
	{ "decr",    NULL, 3, 4, 0, 3, LINE, COUNTS },
	{ "add",     NULL, 5, 6, 4, 5, LINE, STORES },
	{ "cas",     NULL, 6, 7, 4, 6, LINE, STORES | IS_CAS },
	{ "touch",   NULL, 3, 4, 0, 3, LINE, VN_IS_WRITE },
	{ "gat",     NULL, 2, WORDS_MAX, 0, 0, GETS, VN_IS_READ | IS_GROWING },
	{ "gats",    NULL, 2, WORDS_MAX, 0, 0, GETS, VN_IS_READ | IS_GROWING },
	{ "replace", NULL, 5, 6, 4, 5, LINE, STORES },
	{ "append",  NULL, 5, 6, 4, 5, LINE, STORES },
	{ "prepend", NULL, 5, 6, 4, 5, LINE, STORES },
	{ "bget",    NULL, 2, WORDS_MAX, 0, 0, GETS, VN_IS_READ | IS_GROWING },
	{ "flush_all", NULL, 1, 3, 0, 2, LINE, VN_IS_WRITE },
	{ "stats", "sizes_enable",  2, WORDS_MAX, 0, 0, LINE, 0 },      /* no END follows */
	{ "stats", "sizes_disable", 2, WORDS_MAX, 0, 0, LINE, 0 },
	{ "stats",   NULL, 1, WORDS_MAX, 0, 0, LISTS, 0 },
	{ "lru_crawler", NULL, 1, WORDS_MAX, 0, 0, LISTS, 0 },
	{ "slabs", "automove", 3, WORDS_MAX, 0, 3, LINE, 0 },
	{ "verbosity", NULL, 2, 3, 0, 2, LINE, 0 },
	{ "cache_memlimit", NULL, 2, 3, 0, 2, LINE, 0 },
	{ "lru",     NULL, 2, WORDS_MAX, 0, 2, LINE, 0 },
	{ "extstore", NULL, 2, WORDS_MAX, 0, 2, LINE, 0 },
	{ "refresh_certs", NULL, 1, WORDS_MAX, 0, 2, LINE, 0 },
	{ "watch",   NULL, 1, WORDS_MAX, 0, 0, ENDLESS, 0 },
	{ "quit",    NULL, 1, WORDS_MAX, 0, 0, QUITS, 0 },
	{ NULL, NULL, 0, WORDS_MAX, 0, 0, LINE, 0 },
};

/* The binary protocol's, named as the text's are. A KEYED one has its key in the answer. */
enum { QUIET_OP = 1, KEYED_OP = 2, LISTS_OP = 4, ENDS_OP = 8, NOOP = 0x0a, DELETE = 0x04 };
static const struct op { const char *verb; unsigned is; unsigned how;
} ops[256] = {
	[0x00] = { "GET", VN_IS_READ | IS_GROWING },
	[0x09] = { "GET", VN_IS_READ | IS_GROWING, QUIET_OP },
	[0x0c] = { "GET", VN_IS_READ | IS_GROWING, KEYED_OP },
	[0x0d] = { "GET", VN_IS_READ | IS_GROWING, KEYED_OP | QUIET_OP },
	[0x1d] = { "GAT", VN_IS_READ | IS_GROWING },
	[0x1e] = { "GAT", VN_IS_READ | IS_GROWING, QUIET_OP },
	[0x23] = { "GAT", VN_IS_READ | IS_GROWING, KEYED_OP },
	[0x24] = { "GAT", VN_IS_READ | IS_GROWING, KEYED_OP | QUIET_OP },
	[0x01] = { "SET", STORES | IS_SET },
	[0x11] = { "SET", STORES | IS_SET, QUIET_OP },
	[0x02] = { "ADD", STORES },
	[0x12] = { "ADD", STORES, QUIET_OP },
	[0x03] = { "REPLACE", STORES },
	[0x13] = { "REPLACE", STORES, QUIET_OP },
	[0x0e] = { "APPEND", STORES },
	[0x19] = { "APPEND", STORES, QUIET_OP },
	[0x0f] = { "PREPEND", STORES },
	[0x1a] = { "PREPEND", STORES, QUIET_OP },
	[DELETE] = { "DELETE", VN_IS_WRITE },
	[0x14] = { "DELETE", VN_IS_WRITE, QUIET_OP },
	[0x05] = { "INCR", COUNTS },
	[0x15] = { "INCR", COUNTS, QUIET_OP },
	[0x06] = { "DECR", COUNTS },
	[0x16] = { "DECR", COUNTS, QUIET_OP },
	[0x1c] = { "TOUCH", VN_IS_WRITE },
	[0x08] = { "FLUSH_ALL", VN_IS_WRITE },
	[0x18] = { "FLUSH_ALL", VN_IS_WRITE, QUIET_OP },
	[0x07] = { "QUIT" },
	[0x17] = { "QUIT", 0, ENDS_OP },
	[NOOP] = { "NOOP" },
	[0x0b] = { "VERSION" },
	[0x10] = { "STATS", 0, LISTS_OP },
	[0x1b] = { "VERBOSITY" },
	[0x20] = { "SASL_LIST" },
	[0x21] = { "SASL_AUTH", VN_IS_LOGIN },
	[0x22] = { "SASL_STEP", VN_IS_LOGIN },
};

/* message.note: what is asked. `what`: a meta command's second letter, or the opcode. The mark is
 * made of what its answer will repeat: the opaque token and the key. message.seq: the binary
 * protocol's opaque. */
enum {
	NOTE_KIND = 0x7, NOTE_QUIET = 0x8,
	NOTE_VALUE = 0x10,              /* a hit brings the value */
	NOTE_DOUBT = 0x20,              /* what fails could be taken for a quiet one's failure */
	NOTE_DOUBT_BARE = 0x40,         /* so could every answer */
	NOTE_MAKES = 0x80,              /* what is not there is made */
	NOTE_WHAT_SHIFT = 8, NOTE_MARK_SHIFT = 16,
};

#define NOTE_MARK (~VN_NOTE_SUBSTITUTE >> NOTE_MARK_SHIFT << NOTE_MARK_SHIFT)

/* Quiet requests that nothing has followed yet, so that nobody knows whether they will be
 * answered. */
enum { HUSHED = 1, HUSHED_BARE = 2 };   /* some | some of them without a mark */

struct memcache {                       /* one connection */
	bool begun, binary, spoke;
	bool going_on;                  /* the line under way was too long to be waited for */
	bool answering;                 /* the answer under way has begun */
	uint8_t hushed, before;         /* HUSHED | what it was before the latest request */
	/* of the requests that are unanswered, NOTE_DOUBT and NOTE_DOUBT_BARE */
	uint32_t doubts, bare_doubts;
	uint64_t echoes, echoed;        /* how many were kept for refusals | and said */
};

static const char
	RAW_TLS[]     = "TLS begins",
	RAW_LINE[]    = "the request's line is too long",
	RAW_REQUEST[] = "the request is not understood",
	RAW_ENDLESS[] = "watch",
	RAW_KEY[]     = "where a key is too long the server forgets answers that it owes",
	RAW_DOUBT[]   = "this may answer a quiet request, or another",
	RAW_ANSWER[]  = "the server's answer is not understood",
	RAW_UNASKED[] = "the server sent what no request waits for";

/* ---- bytes ---- */

static bool word_is(struct vn_span word, const char *name)
{
	return word.n == strlen(name) && !memcmp(word.p, name, word.n);
}

static bool begins(struct vn_span line, const char *with)
{
	size_t n = strlen(with);

	return line.n >= n && !memcmp(line.p, with, n);
}

struct line {                           /* as the server takes it apart */
	struct vn_span words[WORDS_MAX];
	unsigned n;
	struct vn_span rest;               /* all behind the first */
};

/* A line without its end; a NUL ends it too. */
static struct vn_span line_bare(struct vn_span in, const uint8_t *end)
{
	size_t n = end ? (size_t)(end - in.p) : in.n;
	const uint8_t *nul;

	if (end && n > 1 && end[-1] == '\r')
		n--;
	nul = memchr(in.p, 0, n);
	return (struct vn_span){ in.p, nul ? (size_t)(nul - in.p) : n };
}

static void line_read(struct line *l, struct vn_span in)
{
	const uint8_t *p = in.p, *end = p + in.n, *blank;

	l->rest = (struct vn_span){ end, 0 };
	for (l->n = 0; l->n < WORDS_MAX; p = blank) {
		while (p < end && *p == ' ')
			p++;
		if (p == end)
			break;
		if (l->n == 1)
			l->rest = (struct vn_span){ p, (size_t)(end - p) };
		blank = memchr(p, ' ', (size_t)(end - p));
		if (!blank)
			blank = end;
		l->words[l->n++] = (struct vn_span){ p, (size_t)(blank - p) };
	}
}

/* A number as the server reads it: white space before it and anything behind white space do not
 * count. */
static bool number_read(struct vn_span w, bool may_be_negative, int64_t *to)
{
	static const char white[] = "\t\n\v\f\r ";
	uint64_t n = 0, most = may_be_negative ? INT64_MAX : UINT64_MAX;
	size_t i = 0, first;

	while (i < w.n && memchr(white, w.p[i], 6))
		i++;
	bool minus = i < w.n && w.p[i] == '-';
	i += minus || (i < w.n && w.p[i] == '+');
	for (first = i; i < w.n && w.p[i] >= '0' && w.p[i] <= '9'; i++) {
		uint8_t digit = w.p[i] - '0';
		if (n > (most - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*to = (int64_t)(minus ? -n : n);
	return i > first && (i == w.n || memchr(white, w.p[i], 6)) &&
	       (may_be_negative || !minus || !n);
}

/* A length in an answer. */
static bool length_read(struct vn_span w, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < w.n; i++) {
		if (w.p[i] < '0' || w.p[i] > '9' || (*n = *n * 10 + w.p[i] - '0') > LENGTH_MAX)
			return false;
	}
	return w.n;
}

/* Words that an answer repeats, made a number; their order does not matter. */
static uint64_t mark_of(char flag, struct vn_span text)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uint8_t)flag;

	for (size_t i = 0; i < text.n; i++)
		h = (h ^ text.p[i]) * 0x100000001b3u;
	return h ^ h >> 31;
}

static uint64_t mark_note(uint64_t mark)
{
	return mark << NOTE_MARK_SHIFT & NOTE_MARK;
}

/* Is the first word one of these? */
static bool word_among(const struct line *l, const char *const *names)
{
	while (*names && !(l->n && word_is(l->words[0], *names)))
		names++;
	return *names;
}

/* ---- requests in text ---- */

/* In capitals; what cannot be shown is not. */
static void verb_put(char verb[24], struct vn_span name)
{
	for (size_t i = 0; i < name.n && i < 23; i++) {
		uint8_t c = name.p[i];
		verb[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c > ' ' && c < 127 ? c : '?');
	}
}

static const struct command *command_find(const struct line *l)
{
	const struct command *c = commands;

	for (; c->name; c++)
		if (l->n && word_is(l->words[0], c->name) &&
		    (!c->second || (l->n > 1 && word_is(l->words[1], c->second))))
			break;
	return c;
}

/* How many bytes of data are behind this line? False: the server sees a mistake in it, and expects
 * none. */
static bool data_read(const struct command *c, const struct line *l, uint64_t *data)
{
	const struct vn_span *w = l->words;
	int64_t n, ignored;

	if (w[1].n > KEY_MAX || !number_read(w[c->data], true, &n))
		return false;
	if (c->kind != META &&
	    (!number_read(w[2], false, &ignored) || !number_read(w[3], true, &ignored)))
		return false;
	if (c->is & IS_CAS && !number_read(w[5], false, &ignored))
		return false;
	int32_t size = (int32_t)n;      /* the server takes no more of it */
	if (size < 0 || size > INT32_MAX - 2)
		return false;
	*data = (uint64_t)size + 2;
	return true;
}

static bool keys_fit(struct vn_span line)
{
	const uint8_t *p = line.p, *end = p + line.n;

	for (const uint8_t *blank; (blank = memchr(p, ' ', (size_t)(end - p))); p = blank + 1)
		if (blank - p > KEY_MAX)
			return false;
	return end - p <= KEY_MAX;
}

/* What the flags of a meta command say. */
static void flags_read(const struct command *c, const struct line *l, struct vn_message *m)
{
	uint64_t mark = 0;

	m->note |= (uint64_t)c->name[1] << NOTE_WHAT_SHIFT;
	for (unsigned i = c->data ? 3 : 2; i < l->n; i++) {
		struct vn_span w = l->words[i];
		switch (w.p[0]) {
		case 'q': m->note |= NOTE_QUIET; break;
		case 'v': m->note |= NOTE_VALUE; break;
		case 'N': m->note |= NOTE_MAKES; break;
		case 'C': m->is |= IS_CAS; break;
		case 'O': mark += mark_of('O', (struct vn_span){ w.p + 1, w.n - 1 }); break;
		case 'k': mark += mark_of('k', l->words[1]); break;
		}
	}
	m->note |= mark_note(mark);
}

/* A quiet request has no answer if a later request is answered, unless that answer may be the quiet
 * one's. */
static void hush_count(struct memcache *s, struct vn_message *m)
{
	bool bare = !(m->note & NOTE_MARK);

	s->before = s->hushed;
	if (m->role != VN_ASKS)
		return;
	if (m->note & NOTE_QUIET) {
		s->hushed |= bare ? HUSHED | HUSHED_BARE : HUSHED;
		return;
	}
	s->hushed = 0;
	if (!s->before || s->binary || (m->note & NOTE_KIND) == FENCE)
		return;
	m->note |= NOTE_DOUBT;
	s->doubts++;
	if (s->before & HUSHED_BARE && (m->note & NOTE_KIND) == META && bare) {
		m->note |= NOTE_DOUBT_BARE;
		s->bare_doubts++;
	}
}

static void message_opens(struct memcache *s, struct vn_message *m)
{
	if (m->role == VN_SILENT || s->spoke)
		return;
	s->spoke = true;
	m->is |= VN_IS_OPENING | (!s->binary && m->is & IS_SET ? MAY_LOGIN : 0);
}

/* Fill in *m; *data is what follows the line. NULL, or why the connection must be raw. */
static const char *line_take(struct vn_session *t, const struct line *l, struct vn_message *m,
                             uint64_t *data)
{
	struct memcache *s = t->state;
	const struct command *c = command_find(l);
	bool right = l->n >= c->least && l->n <= c->most;

	if (c->kind == ENDLESS)
		return RAW_ENDLESS;
	if (c->kind == GETS && t->owed && !keys_fit(l->rest))
		return RAW_KEY;
	verb_put(m->verb, l->n ? l->words[0] : (struct vn_span){ (const uint8_t *)"?", 1 });
	m->subject = l->rest;
	if (m->subject.n > SUBJECT_MAX)
		m->subject.n = SUBJECT_MAX;
	m->is = VN_IS_COMMAND;
	bool hushed = right && c->hush && l->n >= c->hush && word_is(l->words[l->n - 1], "noreply");
	m->role = c->kind == QUITS ? VN_SILENT : hushed ? VN_TELLS : VN_ASKS;
	m->note = LINE;
	if (right && (c->kind != META || l->words[1].n <= KEY_MAX) &&
	    (!c->data || data_read(c, l, data))) {
		m->is |= c->is;
		m->note = c->kind;
		if (c->kind == META)
			flags_read(c, l, m);
	}
	message_opens(s, m);
	hush_count(s, m);
	return NULL;
}

static struct vn_cut text_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct memcache *s = t->state;
	const uint8_t *end = memchr(in.p, '\n', in.n);
	uint64_t length = end ? (uint64_t)(end - in.p) + 1 : in.n, data = 0;
	struct line l;

	if (!s->going_on) {
		if (!end && in.n < WAIT_MAX)
			return vn_cut_more();
		line_read(&l, line_bare(in, end));
		if (!end && command_find(&l)->kind != GETS)
			return vn_cut_raw(t, RAW_LINE);
		const char *why = line_take(t, &l, m, &data);
		if (why)
			return vn_cut_raw(t, why);
		m->head = (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX);
	}
	s->going_on = !end;
	return (struct vn_cut){ .kind = end ? VN_CUT_END : VN_CUT_PART, .len = length + data };
}

/* ---- answers in text ---- */

static bool is_error(struct vn_span line)
{
	return begins(line, "ERROR") || begins(line, "CLIENT_ERROR") ||
	       begins(line, "SERVER_ERROR");
}

/* Can this answer that quiet request? NULL in *why, or why nobody can tell. */
static bool quiet_answers(const struct memcache *s, const struct vn_message *asked,
                          const struct line *l, const char **why)
{
	uint8_t what = (uint8_t)(asked->note >> NOTE_WHAT_SHIFT);
	uint64_t mark = 0;

	*why = NULL;
	if (l->n && is_error(l->words[0])) {
		*why = s->doubts ? RAW_DOUBT : NULL;
		return true;
	}
	bool hit = what == 'g' || (what == 'a' && asked->note & NOTE_MAKES);
	hit = hit && (asked->note & NOTE_VALUE ? word_among(l, (const char *[]){ "VA", NULL }) :
	              word_among(l, (const char *[]){ "HD", "OK", NULL }));
	bool miss = what != 'g' && word_among(l, (const char *[]){ "NF", "EX", "NS", NULL });
	for (unsigned i = 1; i < l->n; i++)
		if (l->words[i].p[0] == 'O' || l->words[i].p[0] == 'k')
			mark += mark_of((char)l->words[i].p[0],
			                (struct vn_span){ l->words[i].p + 1, l->words[i].n - 1 });
	if ((!hit && !miss) || mark_note(mark) != (asked->note & NOTE_MARK))
		return false;
	*why = !mark && s->bare_doubts ? RAW_DOUBT : NULL;
	return true;
}

/* A line of an answer: is there data behind it, and does the answer go on? False: this is no such
 * answer. */
static bool answer_read(enum kind kind, const struct line *l, uint64_t *data, bool *goes_on)
{
	static const struct vn_span none;
	struct vn_span first = l->n ? l->words[0] : none;
	bool value = word_is(first, "VALUE"), meta = word_is(first, "VA");

	*goes_on = false;
	if (kind == GETS ? value && l->n >= 4 : kind == META && meta && l->n >= 2) {
		*goes_on = value;
		if (!length_read(l->words[value ? 3 : 1], data))
			return false;
		*data += 2;
		return true;
	}
	if (kind == LISTS)
		*goes_on = begins(first, "key=") ||
		           word_among(l, (const char *[]){ "STAT", "ITEM", "PREFIX", "mg", NULL });
	return !value && !meta && (kind != GETS || word_is(first, "END") || is_error(first));
}

/* This request has no answer to come, or any more. */
static void doubts_drop(struct memcache *s, const struct vn_message *asked)
{
	if (asked->note & NOTE_DOUBT && s->doubts)
		s->doubts--;
	if (asked->note & NOTE_DOUBT_BARE && s->bare_doubts)
		s->bare_doubts--;
}

static void answer_done(struct memcache *s, const struct vn_message *asked)
{
	s->answering = false;
	if (asked)
		doubts_drop(s, asked);
}

static struct vn_cut text_response(struct vn_session *t, struct vn_span in,
                                   const struct vn_message *asked, struct vn_message *m)
{
	struct memcache *s = t->state;
	const uint8_t *end = memchr(in.p, '\n', in.n);
	bool substitute = asked && asked->note & VN_NOTE_SUBSTITUTE, goes_on;
	enum kind kind = asked && !substitute ? asked->note & NOTE_KIND : LINE;
	const char *why;
	uint64_t length, data = 0;
	struct line l;

	if (!end)
		return in.n < LINE_MAX_WAIT ? vn_cut_more() : vn_cut_raw(t, RAW_ANSWER);
	if (asked && !substitute && asked->role == VN_TELLS)
		asked = NULL;
	length = (uint64_t)(end - in.p) + 1;
	line_read(&l, line_bare(in, end));
	bool error = l.n && is_error(l.words[0]);
	if (!asked && !error)
		return vn_cut_raw(t, RAW_UNASKED);
	if (asked && !substitute && asked->note & NOTE_QUIET) {
		if (!quiet_answers(s, asked, &l, &why))
			return (struct vn_cut){ .kind = VN_CUT_END };
		if (why)
			return vn_cut_raw(t, why);
	}
	if (!answer_read(kind, &l, &data, &goes_on))
		return vn_cut_raw(t, RAW_ANSWER);
	if (error && asked && !substitute)
		vn_session_error(t, (const char *)l.words[0].p, l.words[0].n);
	if (!s->answering) {
		m->role = asked ? VN_ANSWERS : VN_PUSH;
		m->is = asked ? asked->is : 0;
		m->head = (uint16_t)length;
		memcpy(m->verb, error ? "ERR" : "ANSWER", error ? 4 : 7);
	}
	s->answering = true;
	if (!goes_on)
		answer_done(s, asked);
	return (struct vn_cut){ .kind = goes_on ? VN_CUT_PART : VN_CUT_END, .len = length + data };
}

/* ---- binary ---- */

static uint32_t number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct vn_cut binary_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct memcache *s = t->state;

	if (in.p[0] != 0x80)
		return vn_cut_raw(t, RAW_REQUEST);
	if (in.n < HEAD)
		return vn_cut_more();
	const struct op *op = &ops[in.p[1]];
	size_t key = (size_t)in.p[2] << 8 | in.p[3], at = HEAD + in.p[4];
	uint64_t length = HEAD + (uint64_t)number_at(in.p + 8);
	/* else the server rejects it and closes */
	bool shown = key <= KEY_MAX && at + key <= length;
	if (shown && in.n < at + key)
		return vn_cut_more();
	strcpy(m->verb, op->verb ? op->verb : "UNKNOWN");
	if (shown && key)
		m->subject = (struct vn_span){ in.p + at, key };
	m->role = op->how & ENDS_OP ? VN_SILENT : VN_ASKS;
	m->is = op->is & VN_IS_LOGIN ? VN_IS_LOGIN : VN_IS_COMMAND | op->is;
	if (op->is & IS_STORE && (number_at(in.p + 16) || number_at(in.p + 20)))
		m->is |= IS_CAS;
	m->note = (uint64_t)in.p[1] << NOTE_WHAT_SHIFT | (op->how & QUIET_OP ? NOTE_QUIET : 0);
	m->seq = number_at(in.p + 12);
	m->head = HEAD;
	message_opens(s, m);
	hush_count(s, m);
	return (struct vn_cut){ .kind = VN_CUT_END, .len = length };
}

/* failure.number: the binary protocol's status; what is above those has no words there, or
 * nowhere. */
enum wording {
	NOT_FOUND = 0x01, EXISTS = 0x02, TOO_LARGE = 0x03, NOT_STORED = 0x05, AUTH_ERROR = 0x20,
	NO_MEMORY = 0x82, INTERNAL = 0x84, TEMPORARY = 0x86,
	AS_TEXT = 0x10000, NOT_AT_ALL,
};

/* Not found, exists, not stored: these are answers as any other. */
static bool status_is_error(unsigned status)
{
	return status && status != NOT_FOUND && status != EXISTS && status != NOT_STORED;
}

static void status_tell(struct vn_session *t, unsigned status, bool ours)
{
	char code[16];
	int n = snprintf(code, sizeof code, "0x%04x", status);

	if (ours)
		vn_session_worded(t, code, status_is_error(status) ? (size_t)n : 0);
	else
		vn_session_error(t, code, (size_t)n);
}

static struct vn_cut binary_response(struct vn_session *t, struct vn_span in,
                                     const struct vn_message *asked, struct vn_message *m)
{
	struct memcache *s = t->state;
	bool substitute = asked && asked->note & VN_NOTE_SUBSTITUTE;

	if (!asked)
		return vn_cut_raw(t, RAW_UNASKED);
	if (in.p[0] != 0x81)
		return vn_cut_raw(t, RAW_ANSWER);
	if (in.n < HEAD)
		return vn_cut_more();
	uint8_t code = (uint8_t)(asked->note >> NOTE_WHAT_SHIFT);
	uint64_t length = HEAD + (uint64_t)number_at(in.p + 8);
	bool goes_on = !substitute && ops[code].how & LISTS_OP && (in.p[2] || in.p[3]);
	if (!substitute && asked->note & NOTE_QUIET &&
	    (in.p[1] != code || number_at(in.p + 12) != asked->seq))
		return (struct vn_cut){ .kind = VN_CUT_END };
	if (!substitute && in.p[1] != code)
		return vn_cut_raw(t, RAW_ANSWER);
	if (!s->answering) {
		unsigned status = (unsigned)in.p[6] << 8 | in.p[7];
		bool error = status;
		if (t->report && !substitute && status_is_error(status))
			status_tell(t, status, false);
		m->is = asked->is;
		m->head = HEAD;
		memcpy(m->verb, error ? "ERR" : "ANSWER", error ? 4 : 7);
	}
	s->answering = goes_on;
	return (struct vn_cut){ .kind = goes_on ? VN_CUT_PART : VN_CUT_END, .len = length };
}

static void binary_put(struct vn_buffer *o, uint8_t magic, uint8_t op, uint16_t status,
                       uint64_t opaque, size_t key, struct vn_span body)
{
	const uint8_t head[HEAD] = {
		magic,
		op,
		(uint8_t)(key >> 8),
		(uint8_t)key,
		0,
		0,
		(uint8_t)(status >> 8),
		(uint8_t)status,
		(uint8_t)(body.n >> 24),
		(uint8_t)(body.n >> 16),
		(uint8_t)(body.n >> 8),
		(uint8_t)body.n,
		(uint8_t)(opaque >> 24),
		(uint8_t)(opaque >> 16),
		(uint8_t)(opaque >> 8),
		(uint8_t)opaque,
	};

	vn_buffer_put(o, head, HEAD);
	vn_buffer_put(o, body.p, body.n);
}

/* ---- both ---- */

static struct vn_cut memcache_request(struct vn_session *t, struct vn_span in, struct vn_message *m)
{
	struct memcache *s = t->state;

	if (!s->begun && in.p[0] == 0x16)
		return vn_cut_raw(t, RAW_TLS);
	if (!s->begun)
		s->binary = in.p[0] == 0x80;
	s->begun = true;
	return s->binary ? binary_request(t, in, m) : text_request(t, in, m);
}

static struct vn_cut memcache_response(struct vn_session *t, struct vn_span in,
                                       const struct vn_message *asked, struct vn_message *m)
{
	const struct memcache *s = t->state;

	/* a client that is rejected at accept gets text */
	return s->binary && in.p[0] != 'E' ? binary_response(t, in, asked, m) :
	                                     text_response(t, in, asked, m);
}

/* ---- saying no ---- */

static const struct vn_failure failures[] = {
	{ "out_of_memory", "SERVER_ERROR", "out of memory storing object", IS_GROWING,
	  VN_ON_REQUEST, VN_STAY, NO_MEMORY },
	{ "pooler_timeout", "SERVER_ERROR", "Connection timed out", VN_IS_READ | VN_IS_WRITE,
	  VN_ON_REQUEST, VN_STAY, TEMPORARY },
	{ "bad_gateway", "SERVER_ERROR", "backend failure", VN_IS_READ | VN_IS_WRITE, VN_ON_REQUEST,
	  VN_STAY, INTERNAL },
	{ "conflict", "EXISTS", "the item has been changed since it was read", IS_CAS,
	  VN_ON_REQUEST, VN_STAY, EXISTS },
	{ "too_big", "SERVER_ERROR", "object too large for cache", IS_STORE, VN_ON_REQUEST, VN_STAY,
	  TOO_LARGE, .by_name = true },
	{ "miss", "END", "there is no such item", VN_IS_READ, VN_ON_REQUEST, VN_STAY, NOT_FOUND,
	  .by_name = true },
	{ "no_auth", "CLIENT_ERROR", "unauthenticated", VN_IS_COMMAND, VN_ON_REQUEST, VN_STAY,
	  AUTH_ERROR, .by_name = true },
	{ "access_denied", "CLIENT_ERROR", "authentication failure", VN_IS_LOGIN | MAY_LOGIN,
	  VN_ON_REQUEST, VN_STAY, AUTH_ERROR, .by_name = true },
	{ "too_many_connections", "ERROR", "Too many open connections", VN_IS_OPENING,
	  VN_ON_REQUEST, VN_CLOSE, AS_TEXT },
	{ "overloaded", "ERROR", "Too many open connections", VN_IS_OPENING, VN_ON_REQUEST,
	  VN_CLOSE, AS_TEXT },
	{ "out_of_memory_reading", "SERVER_ERROR", "out of memory reading request", VN_IS_COMMAND,
	  VN_ON_REQUEST, VN_CLOSE, AS_TEXT },
	{ "shutting_down", "FIN", "the connection is closed without a word",
	  VN_IS_LOGIN | VN_IS_COMMAND, VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ "idle_timeout", "FIN", "the connection is closed without a word", VN_IS_COMMAND,
	  VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ "crash", "RST", "the connection is reset without a word", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_RESET, NOT_AT_ALL },
	{ "gone", "FIN", "the connection is closed without a word", VN_IS_LOGIN | VN_IS_COMMAND,
	  VN_ON_REQUEST | VN_ON_REST, VN_CLOSE, NOT_AT_ALL },
	{ 0 }
};

static void text_put(struct vn_buffer *o, const char *text)
{
	vn_buffer_put(o, text, strlen(text));
}

/* A miss that makes the item: it is found, empty. */
static bool is_made(const struct vn_message *asked, const struct vn_failure *f)
{
	return f->number == NOT_FOUND && (asked->note & NOTE_KIND) == META &&
	       asked->note & NOTE_MAKES;
}

/* The miss of a quiet request gets no answer. With noreply nothing does, except an error that the
 * server sends before it has read that. */
static bool is_hushed(const struct vn_message *asked, const struct vn_failure *f)
{
	if (asked->role == VN_TELLS)
		return f->end == VN_STAY && f->number != AUTH_ERROR;
	return f->number == NOT_FOUND && asked->note & NOTE_QUIET && !is_made(asked, f);
}

/* Does its answer repeat what it brought: a meta command's flags, a binary one's key? */
static bool is_echoed(const struct memcache *s, const struct vn_message *asked,
                      const struct vn_failure *f)
{
	if (is_hushed(asked, f))
		return false;
	if (s->binary)
		return f->number == NOT_FOUND &&
		       ops[asked->note >> NOTE_WHAT_SHIFT & 0xff].how & KEYED_OP;
	return (f->number == NOT_FOUND || f->number == EXISTS) && (asked->note & NOTE_KIND) == META;
}

struct echo { uint8_t bytes[ECHO_MAX]; size_t n; };

static void echo_put(struct echo *e, const void *bytes, size_t n)
{
	if (!n || n > ECHO_MAX - e->n)
		return;
	memcpy(e->bytes + e->n, bytes, n);
	e->n += n;
}

/* A meta command's subject, taken apart: its key, then its flags, of which `b` says that the key is
 * in base64. */
static bool meta_read(struct line *l, const struct vn_message *asked)
{
	bool base64 = false;

	line_read(l, asked->subject);
	for (unsigned i = 1; i < l->n; i++)
		base64 |= (asked->note & NOTE_KIND) == META && l->words[i].p[0] == 'b';
	return base64;
}

/* Of an empty item that is just made. */
static void echo_made(struct echo *e, uint8_t flag, struct vn_span ttl)
{
	if (strchr("csfhl", flag)) {
		echo_put(e, (const uint8_t[]){ ' ', flag, '0' }, 3);
	} else if (flag == 't') {
		bool forever = !ttl.n || (ttl.n == 1 && *ttl.p == '0');
		echo_put(e, " t-1", forever ? 4 : 2);
		echo_put(e, ttl.p, forever ? 0 : ttl.n);
	}
}

static void echo_flags(struct echo *e, const struct vn_message *asked, bool made)
{
	bool set = (asked->note >> NOTE_WHAT_SHIFT & 0xff) == 's';
	struct vn_span ttl = { 0 };
	struct line l;
	bool base64 = meta_read(&l, asked);

	for (unsigned i = set ? 2 : 1; i < l.n; i++) {
		struct vn_span w = l.words[i];
		if (made)
			echo_made(e, w.p[0], ttl);
		switch (w.p[0]) {
		case 'N':
		case 'T':
			ttl = (struct vn_span){ w.p + 1, w.n - 1 };
			break;
		case 'O':
			echo_put(e, " ", 1);
			echo_put(e, w.p, w.n);
			break;
		case 'k':
			echo_put(e, " k", 2);
			echo_put(e, l.words[0].p, l.words[0].n);
			echo_put(e, " b", base64 ? 2 : 0);
			break;
		case 'c':
			echo_put(e, " c0", set ? 3 : 0);
			break;
		}
	}
	echo_put(e, " W", made ? 2 : 0);
}

/* It is kept until the refusal is worded; they are worded in the order of their requests. */
static void echo_keep(struct vn_session *t, const struct vn_message *asked,
                      const struct vn_failure *f)
{
	struct memcache *s = t->state;
	struct echo e = { .n = 0 };

	if (s->binary)
		echo_put(&e, asked->subject.p, asked->subject.n);
	else
		echo_flags(&e, asked, is_made(asked, f));
	vn_text_cache_put(t->texts, ++s->echoes, (struct vn_span){ e.bytes, e.n });
}

/* What a failed set does to the old item. */
static void delete_put(const struct memcache *s, const struct vn_message *asked,
                       struct vn_buffer *o)
{
	struct line l;

	if (s->binary) {
		binary_put(o, 0x80, DELETE, 0, 0, asked->subject.n, asked->subject);
		return;
	}
	bool base64 = meta_read(&l, asked);
	text_put(o, base64 ? "md " : "delete ");
	vn_buffer_put(o, l.words[0].p, l.words[0].n);
	text_put(o, base64 ? " b Ovaurien-refuses\r\n" : "\r\n");
}

/* What was hushed before it still is, and the server has no answer to it that could be taken for
 * another's. */
static void memcache_dropped(struct vn_session *t, const struct vn_message *asked)
{
	struct memcache *s = t->state;

	s->hushed = s->before;
	doubts_drop(s, asked);
}

/* Quiet requests wait for the answer to a later one. If that is refused, or there is none, this
 * request follows them. */
static void memcache_flush(struct vn_session *t, struct vn_buffer *o)
{
	const struct memcache *s = t->state;

	if (!s->hushed)
		return;
	if (s->binary)
		binary_put(o, 0x80, NOOP, 0, 0, 0, (struct vn_span){ (const uint8_t *)"", 0 });
	else
		text_put(o, "mn\r\n");
}

static int memcache_refuse(struct vn_session *t, const struct vn_message *asked,
                           const struct vn_failure *f, struct vn_buffer *backend)
{
	struct memcache *s = t->state;

	s->hushed = s->before;
	if (f->end != VN_STAY)
		return 0;
	if (is_echoed(s, asked, f))
		echo_keep(t, asked, f);
	t->close = s->binary && f->number == AUTH_ERROR && !(asked->is & VN_IS_LOGIN);
	if ((f->number == NO_MEMORY || f->number == TOO_LARGE) && asked->is & IS_SET &&
	    asked->subject.n)
		delete_put(s, asked, backend);
	else if (s->hushed && !is_hushed(asked, f))
		memcache_flush(t, backend);
	else
		return 0;
	s->hushed = 0;
	return 1;
}

static const char *binary_text(uint32_t status)
{
	switch (status) {
	case NOT_FOUND: return "Not found";
	case EXISTS: return "Data exists for key.";
	case TOO_LARGE: return "Too large.";
	case AUTH_ERROR: return "Auth failure.";
	case NO_MEMORY: return "Out of memory allocating item";
	case TEMPORARY: return "Temporary failure";
	default: return "Internal error";
	}
}

static void binary_word(const struct vn_message *asked, const struct vn_failure *f,
                        const struct vn_span *echo, struct vn_buffer *client)
{
	const char *text = binary_text(f->number);
	struct vn_span body =
		echo ? *echo : (struct vn_span){ (const uint8_t *)text, strlen(text) };

	binary_put(client, 0x81, (uint8_t)(asked->note >> NOTE_WHAT_SHIFT), (uint16_t)f->number,
	           asked->seq, echo ? echo->n : 0, body);
}

static void text_word(const struct vn_message *asked, const struct vn_failure *f,
                      const struct vn_span *echo, struct vn_buffer *client)
{
	bool get = (asked->note & NOTE_KIND) == GETS;

	if (f->number == NOT_FOUND || f->number == EXISTS) {
		bool meta = (asked->note & NOTE_KIND) == META, made = is_made(asked, f),
		     value = asked->note & NOTE_VALUE;
		text_put(client, made                ? (value ? "VA 0" : "HD") :
		                 f->number == EXISTS ? (meta ? "EX" : "EXISTS") :
		                 get                 ? "END" :
		                                       "EN");
		if (echo)
			vn_buffer_put(client, echo->p, echo->n);
		text_put(client, made && value ? "\r\n" : "");
	} else {
		text_put(client, f->code);
		text_put(client, " ");
		text_put(client, f->number != NO_MEMORY || asked->is & IS_STORE ? f->text :
		         get ? "out of memory writing get response" : "out of memory");
	}
	text_put(client, "\r\n");
}

static void memcache_word(struct vn_session *t, const struct vn_message *asked,
                          const struct vn_failure *f, struct vn_buffer *client)
{
	struct memcache *s = t->state;
	bool echoed = asked && is_echoed(s, asked, f);
	struct vn_span echo =
		echoed ? vn_text_cache_get(t->texts, ++s->echoed) : (struct vn_span){ 0 };

	if (!asked || f->number == NOT_AT_ALL || is_hushed(asked, f))
		return;
	if (s->binary && f->number != AS_TEXT)
		status_tell(t, f->number, true);
	else if (f->number == NOT_FOUND || f->number == EXISTS)
		vn_session_worded(t, "", 0);
	if (s->binary && f->number != AS_TEXT)
		binary_word(asked, f, echoed ? &echo : NULL, client);
	else
		text_word(asked, f, echoed ? &echo : NULL, client);
	if (echoed)
		vn_text_cache_drop(t->texts, s->echoed);
}

/* ---- */

static const struct vn_opt options[] = {
	{ "keep_alive", VN_OPT_INERT, .def = "0", .help = "Connections are always kept" },
	{ "reuse_socket", VN_OPT_INERT, .def = "0",
	  .help = "Each client has a connection to the backend of its own" },
	{ "buffer", VN_OPT_INERT, .def = "8124", .help = "--bufsize is the size of a read" },
	{ 0 }
};

static const char *const limits[] = {
	"An answer that a quiet meta command and the command behind it may both get, such as NF to "
	"md with the flag q and to md, makes the connection raw. If a request was refused on it, "
	"the connection is reset.",
	NULL
};

VN_PROTOCOL(
	memcache,
	.help = "memcached: text, meta and quiet commands, pipelines; the binary protocol",
	.options = options, .state_size = sizeof(struct memcache), .request = memcache_request,
	.response = memcache_response, .failures = failures, .own = own, .limits = limits,
	.kinds = VN_IS_READ | VN_IS_WRITE | VN_IS_LOGIN | VN_IS_COMMAND, .refuse = memcache_refuse,
	.dropped = memcache_dropped, .flush = memcache_flush, .word = memcache_word,
	.plain_answer = VN_SPAN("ERROR\r\n"))
