/* feed.h - a protocol, fed as the core feeds it, but without sockets: for the runner and the
 * fuzzer.
 *
 * Each call's bytes lie flush against a page that cannot be read, so that one byte too far
 * crashes. */
#ifndef FEED_H
#define FEED_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "spec/backend_note.h"
#include "spec/option.h"
#include "base/buffer.h"
#include "spec/failure.h"
#include "base/text_cache.h"
#include "vaurien.h"

enum { FEED_WINDOW = 320 * 1024, FEED_MORE = 65536, FEED_OPEN = 65536, UNFIT = -9 };

struct heard {                          /* a message, when it is whole */
	enum vn_direction direction;
	struct vn_message message;         /* its subject is the one below */
	struct vn_buffer subject, instead;
	bool replaced, raw;
	bool back, closes;              /* `instead` goes back to the sender; that is the end */
	uint8_t tls;                    /* no message: TLS begins on this leg */
	uint64_t length;
	char code[VN_CODE_MAX];         /* of the error that it is */
};

struct lane {                           /* one direction */
	struct vn_buffer rest;                /* not cut yet */
	uint64_t body;                  /* of the last cut, still to come */
	bool open, last;
	bool waits;                     /* what is not cut yet hangs on an answer */
	struct heard heard;             /* the message under way */
};

struct owed {
	struct vn_message asked;
	int answers;
	bool sequel;                    /* no byte of it has come */
	/* its sequel is refused: agreement is worded when the answers have come */
	bool agreed;
	bool silent;                    /* refused, and no answers will come */
};

struct feed {
	const struct vn_protocol *protocol;
	struct vn_session talk;
	struct vn_report report;        /* somebody reads events */
	struct opt_values block;
	struct vn_text_cache texts;
	struct vn_buffer scratch, kept;
	struct lane lanes[2];
	struct owed *owed; size_t first, end, room;     /* open exchanges, oldest first */
	struct vn_message latest;          /* request that asked ... */
	bool told;                      /* ... or told: nothing is owed for it */
	/* ... is one no more: no request is refused twice, nor one before it late */
	bool refused;
	struct vn_buffer latest_subject, latest_bytes;
	bool raw;                       /* or it is closed */
	char fault[200];                /* a promise that the protocol broke */
	void (*tell)(struct feed *, const struct heard *);
	void *teller;
};

/* where readable memory ends; FEED_WINDOW bytes before it are there */
static uint8_t *feed_edge(void)
{
	static uint8_t *edge;
	const size_t page = 65536;

	if (!edge) {
		uint8_t *p = mmap(NULL, FEED_WINDOW + page, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert(p != MAP_FAILED && mprotect(p + FEED_WINDOW, page, PROT_NONE) == 0);
		edge = p + FEED_WINDOW;
	}
	return edge;
}

static void feed_owe(struct feed *f, const struct vn_message *asked)
{
	if (f->end == f->room) {
		f->room = f->room ? f->room * 2 : 16;
		f->owed = realloc(f->owed, f->room * sizeof f->owed[0]);
		assert(f->owed);
	}
	f->owed[f->end] = (struct owed){ *asked, 1 };
	f->owed[f->end].asked.subject = f->owed[f->end].asked.bytes = (struct vn_span){ 0 };
	f->end++;
}

/* The oldest and the latest of the open exchanges, where there is one. */
static struct owed *feed_first(struct feed *f)
{
	assert(f->first < f->end);
	return &f->owed[f->first];
}

static struct owed *feed_last(struct feed *f)
{
	assert(f->first < f->end);
	return &f->owed[f->end - 1];
}

/* Servers named map... have a proxy, and those named hidden... are hidden. */
static enum vn_mapped feed_map(struct vn_session *t, struct vn_span host, unsigned port,
                               struct vn_place *other)
{
	if (host.n >= 6 && !memcmp(host.p, "hidden", 6))
		return VN_MAP_HIDE;
	if (host.n < 3 || memcmp(host.p, "map", 3))
		return VN_MAP_SAME;
	*other = (struct vn_place){ { (const uint8_t *)t->client, strlen(t->client) },
		                    port + 1 };
	return VN_MAP_OTHER;
}

static void feed_start(struct feed *f, const struct vn_protocol *protocol)
{
	*f = (struct feed){ .protocol = protocol };
	opt_values_init(&f->block, protocol->options, protocol->opts_size);
	text_cache_init(&f->texts, TEXT_CACHE_ROOM);
	f->talk = (struct vn_session){
		.self = protocol,
		.state = calloc(1, protocol->state_size + 1),
		.opts = f->block.opts,
		.texts = &f->texts,
		.scratch = &f->scratch,
		.backend = "backend:8000",
		.client = "192.0.2.7",
		.map = feed_map,
		.alpn = "",
		.kept = &f->kept,
		.backend_note = backend_note_make()
	};
	assert(f->talk.state);
	if (protocol->server_first)
		feed_owe(f, &(struct vn_message){
				    .role = VN_ASKS, .is = VN_IS_OPENING, .verb = "GREETING" });
}

static void feed_stop(struct feed *f)
{
	if (f->protocol->forget)
		f->protocol->forget(f->talk.state);
	for (unsigned i = 0; i < 2; i++) {
		buffer_free(&f->lanes[i].rest);
		buffer_free(&f->lanes[i].heard.subject);
		buffer_free(&f->lanes[i].heard.instead);
	}
	buffer_free(&f->latest_subject);
	buffer_free(&f->latest_bytes);
	buffer_free(&f->scratch);
	buffer_free(&f->kept);
	text_cache_free(&f->texts);
	opt_values_free(&f->block);
	backend_note_unref(f->talk.backend_note);
	free(f->talk.state);
	free(f->owed);
}

static void feed_open(struct feed *f, struct lane *l, enum vn_direction d,
                      const struct vn_message *m)
{
	struct heard *h = &l->heard;

	buffer_clear(&h->subject);
	buffer_clear(&h->instead);
	vn_buffer_put(&h->subject, m->subject.p, m->subject.n);
	h->direction = d;
	h->message = *m;
	h->message.subject = vn_buffer_span(&h->subject);
	h->replaced = h->raw = h->back = h->closes = false;
	h->tls = 0;
	h->length = 0;
	h->code[0] = 0;
	l->open = true;
	if (!memchr(m->verb, 0, sizeof m->verb))
		snprintf(f->fault, sizeof f->fault, "a verb that does not end");
}

static void feed_begin(struct feed *f, struct lane *l, enum vn_direction d,
                       const struct vn_message *m)
{
	feed_open(f, l, d, m);
	if (d == VN_RESPONSE)
		return;
	f->told = m->role == VN_TELLS;
	if (m->role != VN_ASKS && m->role != VN_AIDS && !f->told)
		return;
	feed_owe(f, m);
	if (m->sequel) {
		feed_owe(f, m->sequel);
		feed_last(f)->sequel = true;
	}
	f->latest = feed_last(f)->asked;
	f->end -= f->told;
	f->refused = false;
	m = m->sequel ? m->sequel : m;
	buffer_clear(&f->latest_subject);
	vn_buffer_put(&f->latest_subject, m->subject.p, m->subject.n);
	buffer_clear(&f->latest_bytes);
	vn_buffer_put(&f->latest_bytes, m->bytes.p, m->bytes.n);
	if (f->talk.datagram)           /* word() gets it */
		f->latest.bytes = vn_buffer_span(&f->latest_bytes);
}

/* What was answered was not agreed to. */
static void feed_forget(struct feed *f)
{
	f->talk.no_sequel = false;
	if (f->first == f->end || !feed_first(f)->sequel)
		return;
	f->first++;
	f->lanes[0].open = false;
}

static void feed_answered(struct feed *f)
{
	struct owed o = *feed_first(f);
	struct vn_buffer words = { 0 };

	f->first++;
	if (o.agreed) {
		o.asked.note &= ~VN_NOTE_SUBSTITUTE;
		f->protocol->word(&f->talk, &o.asked, failure_find(f->protocol, o.asked.agreed),
		                  &words);
	}
	buffer_free(&words);
	if (f->talk.no_sequel)
		feed_forget(f);
}

static void feed_asked(struct feed *f, struct lane *l)
{
	const struct vn_message *sequel = l->heard.message.sequel;

	if (f->first < f->end && feed_last(f)->silent)
		f->end--;
	if (sequel && f->first < f->end && feed_last(f)->sequel)
		feed_open(f, l, VN_REQUEST, sequel);
}

static void feed_done(struct feed *f, struct lane *l)
{
	l->open = false;
	bool agrees = l->heard.message.role == VN_INTERIM && feed_first(f) &&
	              feed_first(f)->asked.sequel;
	if (l->heard.direction == VN_RESPONSE && (l->heard.message.role == VN_ANSWERS || agrees)) {
		if (f->first == f->end)
			snprintf(f->fault, sizeof f->fault, "an answer to nothing");
		else if (!feed_first(f)->silent && !--feed_first(f)->answers)
			feed_answered(f);
	}
	if (f->tell)
		f->tell(f, &l->heard);
	if (l->heard.direction == VN_REQUEST)
		feed_asked(f, l);
	f->raw |= l->heard.closes;
}

static bool cut_kept(struct feed *f, const struct lane *l, enum vn_direction d,
                     const struct vn_cut *cut, const struct vn_message *m, size_t n)
{
	bool none = cut->kind == VN_CUT_END && !cut->len && d == VN_RESPONSE && f->first < f->end &&
	            !l->open && m->role == VN_ANSWERS;

	if (cut->kind == VN_CUT_RAW && !f->talk.notice)
		snprintf(f->fault, sizeof f->fault, "raw, without a notice");
	if (cut->kind == VN_CUT_WAIT && !(d == VN_REQUEST && f->talk.owed))
		snprintf(f->fault, sizeof f->fault, "it waits for nothing");
	if ((cut->kind == VN_CUT_PART || cut->kind == VN_CUT_END) && !cut->len && !none)
		snprintf(f->fault, sizeof f->fault, "a cut of no bytes");
	if (cut->replaced && cut->len > n)
		snprintf(f->fault, sizeof f->fault, "bytes are replaced that are not at hand");
	if ((cut->back || cut->secret) && !cut->replaced)
		snprintf(f->fault, sizeof f->fault, "an answer in place of nothing");
	return !f->fault[0];
}

/* TLS begins, and its handshake is over at once. */
static bool feed_tls(struct feed *f, struct lane *l, enum vn_direction d, const struct vn_cut *cut,
                     size_t n, size_t *taken)
{
	bool client = cut->leg == VN_LEG_CLIENT;
	unsigned wanted = client ? VN_TLS_CLIENT_MAY : VN_TLS_BACKEND;

	if ((!client && cut->leg != VN_LEG_BACKEND) || f->talk.secure & cut->leg ||
	    !(f->talk.tls & wanted) || (client && f->talk.tls & VN_TLS_CLIENT_NEVER))
		snprintf(f->fault, sizeof f->fault, "TLS begins that nobody wants");
	if (d != VN_REQUEST || cut->len > n || l->open || (client && !cut->len))
		snprintf(f->fault, sizeof f->fault, "TLS begins in the wrong place");
	if (f->fault[0])
		return false;
	feed_open(f, l, d, &(struct vn_message){ 0 });
	l->open = false;
	vn_buffer_put(&l->heard.instead, cut->instead.p, cut->instead.n);
	l->heard.replaced = cut->instead.n;
	l->heard.tls = cut->leg;
	l->heard.length = cut->len;
	f->talk.secure |= cut->leg;
	/* what was read behind it is part of the handshake, or an injection */
	*taken = client ? n : (size_t)cut->len;
	f->raw = client && n > cut->len && !cut->eager && !cut->discards;
	if (f->tell)
		f->tell(f, &l->heard);
	return true;
}

/* The request that this response answers becomes the first. */
static const struct vn_message *feed_choose(struct feed *f, struct vn_span at)
{
	size_t i = f->first;

	while (i < f->end && !f->protocol->answers(&f->talk, at, &f->owed[i].asked))
		i++;
	if (i == f->end)
		return NULL;
	struct owed o = f->owed[i];
	memmove(f->owed + f->first + 1, f->owed + f->first, (i - f->first) * sizeof o);
	f->owed[f->first] = o;
	return &f->owed[f->first].asked;
}

/* One call to the protocol. False: no more for now. */
static bool feed_cut(struct feed *f, struct lane *l, enum vn_direction d, struct vn_span at,
                     size_t *taken)
{
	struct vn_message m = { .role = d == VN_REQUEST ? VN_ASKS : VN_ANSWERS };
	size_t n = at.n < FEED_WINDOW ? at.n : FEED_WINDOW;
	uint8_t *window = feed_edge() - n;
	const struct vn_message *asked = f->first < f->end ? &f->owed[f->first].asked : NULL;

	memcpy(window, at.p, n);
	buffer_clear(&f->scratch);
	if (d == VN_RESPONSE && f->protocol->answers && !l->open && !f->talk.raw)
		asked = feed_choose(f, (struct vn_span){ window, n });
	if (f->talk.raw)
		f->talk.notice = f->talk.raw;
	f->talk.owed = asked;
	f->talk.judged = true;
	f->talk.close = false;
	f->report = (struct vn_report){ .given = SIZE_MAX };
	f->talk.report = &f->report;
	struct vn_cut cut =
		f->talk.raw ?
			(struct vn_cut){ .kind = VN_CUT_RAW } :
		d == VN_REQUEST ?
			f->protocol->request(&f->talk, (struct vn_span){ window, n }, &m) :
			f->protocol->response(&f->talk, (struct vn_span){ window, n }, asked, &m);
	if (!cut_kept(f, l, d, &cut, &m, n))
		return false;
	l->waits = cut.kind == VN_CUT_WAIT;
	if (cut.kind == VN_CUT_TLS)
		return feed_tls(f, l, d, &cut, n, taken);
	if (l->waits || (cut.kind == VN_CUT_MORE && n < FEED_MORE))
		return false;
	if (cut.kind == VN_CUT_MORE || cut.kind == VN_CUT_RAW) {
		f->raw = true;
		l->heard.direction = d;
		l->heard.raw = true;
		if (f->tell)
			f->tell(f, &l->heard);
		return false;
	}
	if (!l->open) {
		m.bytes = (struct vn_span){ window, cut.len < n ? (size_t)cut.len : n };
		feed_begin(f, l, d, &m);
	} else if (d == VN_REQUEST && f->first < f->end) {
		feed_last(f)->sequel = false;
	}
	if (f->talk.limit)              /* the answer could not be edited */
		f->talk.limit = NULL;
	if (!memchr(f->report.code, 0, sizeof f->report.code))
		snprintf(f->fault, sizeof f->fault, "a code that does not end");
	if (d == VN_RESPONSE && !l->heard.code[0])
		memcpy(l->heard.code, f->report.code, sizeof f->report.code);
	if (cut.replaced) {
		l->heard.replaced = true;
		l->heard.back |= cut.back;
		l->heard.closes |= cut.back && f->talk.close;
		vn_buffer_put(&l->heard.instead, cut.instead.p, cut.instead.n);
	}
	l->heard.length += cut.len;
	l->body = cut.len;
	l->last = cut.kind == VN_CUT_END;
	*taken = 0;
	return true;
}

/* The backend's part of what comes before TLS: all that it has sent so far. */
static enum vn_secure feed_secure(struct feed *f, const uint8_t *bytes, size_t n,
                                  struct vn_buffer *backend)
{
	size_t most = n < FEED_WINDOW ? n : FEED_WINDOW;
	uint8_t *window = feed_edge() - most;

	if (n)
		memcpy(window, bytes, most);
	buffer_clear(&f->scratch);
	buffer_clear(&f->kept);
	enum vn_secure how =
		f->protocol->secure(&f->talk, (struct vn_span){ window, most }, backend);
	if (how == VN_SECURE_NONE && !f->talk.notice)
		snprintf(f->fault, sizeof f->fault, "no TLS, without a notice");
	if (how == VN_SECURE_START)
		f->talk.secure |= VN_LEG_BACKEND;
	return how;
}

/* More bytes of a stream; of requests also none: then what waited is looked at again. */
static void feed_bytes(struct feed *f, enum vn_direction d, const uint8_t *bytes, size_t n)
{
	struct lane *l = &f->lanes[d == VN_RESPONSE];
	size_t at = 0, taken = 0;

	vn_buffer_put(&l->rest, bytes, n);
	while (!f->raw && !f->fault[0] && f->end - f->first < FEED_OPEN) {
		taken = l->rest.n - at < l->body ? l->rest.n - at : (size_t)l->body;
		l->body -= taken;
		at += taken;
		if (l->open && !l->body && l->last) {
			l->last = false;
			feed_done(f, l);
			continue;
		}
		if (l->body || at == l->rest.n)
			break;
		if (!feed_cut(f, l, d, (struct vn_span){ l->rest.p + at, l->rest.n - at }, &taken))
			break;
		at += taken;            /* of TLS: it is no message */
	}
	if (at) {
		memmove(l->rest.p, l->rest.p + at, l->rest.n - at);
		l->rest.n -= at;
	}
}

/* Would the core try it? */
static bool feed_fits(struct feed *f, const struct vn_message *asked,
                      const struct vn_failure *failure)
{
	return asked->role != VN_AIDS && failure->fits & asked->is &&
	       (!f->protocol->fits || f->protocol->fits(&f->talk, asked, failure));
}

/* The latest request is refused, if it is not being answered yet. Its answers are to its substitute
 * from now on. */
static int feed_refuse_last(struct feed *f, const struct vn_failure *failure,
                            struct vn_buffer *backend)
{
	if (f->first == f->end)
		return UNFIT;
	if (f->refused)
		return -1;
	f->talk.limit = NULL;
	struct owed *o = feed_last(f), *before = o->sequel ? o - 1 : NULL;
	size_t open = f->end - f->first;
	bool answered = (open == 1 || (open == 2 && before)) && f->lanes[1].open;
	if (answered || o->asked.note & VN_NOTE_SUBSTITUTE || o->asked.is == VN_IS_OPENING)
		return -1;
	struct vn_message asked = o->asked;
	asked.subject = vn_buffer_span(&f->latest_subject);
	asked.bytes = vn_buffer_span(&f->latest_bytes);
	if (!asked.failure && !feed_fits(f, &asked, failure))
		return UNFIT;
	int n = f->protocol->refuse(&f->talk, &asked, failure, backend);
	if (n > 0 && before && open > 1) {
		*before = (struct owed){ before->asked, n, .agreed = true };
		before->asked.note |= VN_NOTE_SUBSTITUTE;
		o->silent = true;
		return n;
	}
	if (n >= 0)
		/* VN_BY_BACKEND: it is answered as any other */
		o->asked.note |= VN_NOTE_SUBSTITUTE;
	if (n == VN_BY_BACKEND)
		o->asked.struck = failure;
	o->answers = n > 0 ? n : o->answers;
	f->refused = n >= 0;
	if (n == 0)
		f->end--;
	if (n == 0 && before)
		f->lanes[0].open = false;
	return n;
}

static int feed_refuse(struct feed *f, const struct vn_failure *failure, struct vn_buffer *backend)
{
	bool told = f->told;

	if (told)
		feed_owe(f, &f->latest);
	f->told = false;
	int n = feed_refuse_last(f, failure, backend);
	if (told && n < 0)
		f->end--;
	return n;
}

#endif
