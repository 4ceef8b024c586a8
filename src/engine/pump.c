/* pump.c - reading half of a pipe: receive, cut, judge. It also drives the whole pipe. */
#include "engine/pump.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/conn_exchange.h"
#include "engine/conn_rules.h"
#include "engine/conn_trace.h"
#include "engine/handshake.h"
#include "engine/piece.h"
#include "engine/pipe.h"
#include "engine/raw.h"
#include "engine/replies.h"
#include "engine/requests.h"
#include "engine/responses.h"
#include "engine/send.h"
#include "engine/splice.h"
#include "engine/transport.h"
#include "net/proxy_header.h"

enum {
	ROUNDS = 16,                    /* reads before other connections get their turn */
	ALWAYS = 65536,                 /* bytes that a pipe may hold, even beyond hold_total */
};

/* ---- cut: where messages start and end ---- */

static SELDOM void sequel_begin(struct pipe *p)
{
	p->work->now = p->work->sequel;
	p->work->sequel = (struct current){ 0 };
}

static inline __attribute__((always_inline)) void message_done(struct pipe *p)
{
	if (p->direction == VN_REQUEST) {
		if (p->conn->hearing)
			conn_trace_heard(p->conn);
		request_complete(p->conn);
	} else {
		response_complete(p->conn);
	}
	const char *raw = p->work->now.raw;
	message_forget(&p->work->now);
	if (raw && !p->conn->dead && !p->raw)
		conn_go_raw(p->conn, p, raw);
	if (p->work->sequel.open)
		sequel_begin(p);
}

enum { WATCHING = 1 << JOURNAL_EXCHANGE | 1 << JOURNAL_GAVE_UP };

static SELDOM void report_begin(struct vn_session *t, struct vn_report *r)
{
	*r = (struct vn_report){ .given = SIZE_MAX };
	t->report = r;
	t->judged = true;
}

/* What the protocol has reported of this piece; of a request request_begin() uses the rest. */
static SELDOM void report_end(struct pipe *p, struct exchange *x)
{
	const struct vn_report *r = &worker_of(p)->report;

	if (p->direction == VN_REQUEST && r->cancels)
		conn_cancels(p->conn, r->cancels);
	if (p->direction == VN_REQUEST || !r->code[0] || x->asked.note & VN_NOTE_SUBSTITUTE)
		return;
	stats_add(&p->conn->shard->stats, STAT_ERRORS, 1);
	if (x->trace && !x->trace->code[0])
		memcpy(x->trace->code, r->code, sizeof r->code);
}

/* The exchange that this response answers; it becomes the first. NULL: it answers none, or its id
 * has not come. */
static SELDOM struct exchange *exchange_answered_by(struct conn *c, struct vn_session *t,
                                                    struct vn_span at)
{
	struct exchange *x = exchange_of_answer(&c->exchanges, t, at);

	if (x)
		exchange_advance(&c->exchanges, x);
	return x;
}

static struct vn_cut protocol_cut(struct pipe *p, struct vn_span at, struct vn_message *msg)
{
	struct conn *c = p->conn;
	struct vn_session *t = conn_session(c);
	struct exchange *x = c->exchanges.first;

	t->owed = x && !c->response.eof;
	if (p->direction == VN_RESPONSE && t->self->answers && !p->work->now.open)
		x = exchange_answered_by(c, t, at);
	t->judged = c->plan->refuses || c->plan->sparing;
	t->raw = NULL;
	t->report = NULL;
	if (p->direction == VN_REQUEST ? journal_wants_any(WATCHING) :
	                                   x && (x->trace || errors_counted()))
		report_begin(t, &c->shard->worker->report);
	struct vn_cut cut = p->direction == VN_REQUEST ?
	                            t->self->request(t, at, msg) :
	                            t->self->response(t, at, x ? &x->asked : NULL, msg);
	conn_session_end(c);
	if (t->report && (cut.kind == VN_CUT_PART || cut.kind == VN_CUT_END))
		report_end(p, x);
	if (p->direction == VN_RESPONSE && x && x->asked.struck)
		response_struck(c, x, t);
	return cut;
}

/* Checks the cut that a parser returned. False: the connection goes raw. */
static bool cut_sane(const struct pipe *p, const struct vn_cut *cut, struct vn_span at,
                     const struct vn_message *msg)
{
	if (cut->replaced && cut->len > at.n)
		return false;
	if (cut->kind == VN_CUT_END && !cut->len)
		return p->direction == VN_RESPONSE && p->conn->exchanges.first &&
		       !p->work->now.open && msg->role == VN_ANSWERS;
	return (cut->kind == VN_CUT_PART || cut->kind == VN_CUT_END) && cut->len;
}

/* Field by field: the instruction that clears the whole struct is slow to begin. */
static void message_clear(struct vn_message *m, enum vn_role role)
{
	m->role = role;
	m->is = 0;
	memset(m->verb, 0, sizeof m->verb);
	m->subject = m->bytes = (struct vn_span){ 0 };
	m->head = m->lead = 0;
	m->failure = m->agreed = NULL;
	m->sequel = NULL;
	m->seq = m->note = m->id = 0;
	m->struck = NULL;
}

/* Bytes of the request under way, for its digest. */
static inline void pipe_hear(struct pipe *p, const uint8_t *bytes, size_t n)
{
	if (p->conn->hearing && p->direction == VN_REQUEST)
		trace_hear(p->conn->hearing, bytes, n);
}

/* Sends the answer of the protocol itself to the side that sent these bytes. */
static SELDOM void cut_answer(struct pipe *p, const struct vn_cut *cut, bool closes)
{
	struct pipe *back = p->direction == VN_REQUEST ? &p->conn->response : &p->conn->request;

	if (p->work->now.gone)          /* of a message that a rule discards */
		return;
	pipe_insert(back, cut->instead, NULL, NULL);
	p->conn->again = true;
	p->conn->turned_away |= closes;
	if (closes)
		pipe_end(back, VN_CLOSE);
}

/* Of a password. `behind`: the last parcel before it. */
static SELDOM void cut_erase(struct pipe *p, struct vn_cut *cut, uint8_t *bytes,
                             struct parcel *behind)
{
	queue_hide(&p->work->queue, behind);
	explicit_bzero(bytes, cut->len);
	if (cut->instead.n)
		explicit_bzero((uint8_t *)cut->instead.p, cut->instead.n);
}

/* Passes on `instead`, which is in the protocol's scratch buffer, in place of the bytes. */
static inline void cut_replace(struct pipe *p, struct vn_cut *cut, struct vn_span *at, bool closes)
{
	struct parcel *last = p->work->queue.last;

	pipe_hear(p, at->p, cut->len);
	if (cut->back)
		cut_answer(p, cut, closes);
	else if (cut->instead.n)
		piece_pass(p, (uint8_t *)cut->instead.p, cut->instead.n);
	pipe_run_flush(p);
	if (cut->secret)
		cut_erase(p, cut, (uint8_t *)at->p, last);
	p->offset += cut->len;
	at->p += cut->len;
	at->n -= cut->len;
	cut->len = 0;
}

/* A leg's TLS begins behind these bytes, when all that came before is answered. */
static SELDOM bool pipe_cut_tls(struct pipe *p, struct vn_span *at, const struct vn_cut *cut)
{
	if (p->direction == VN_REQUEST && p->conn->exchanges.first) {
		p->work->halted = true;
		return false;
	}
	pipe_wake(&p->conn->request);
	if (cut->len > at->n || p->work->now.open)
		conn_go_raw(p->conn, p, "TLS is requested inside a message");
	else
		handshake_cut(p, at, cut);
	return false;
}

/* Makes the next cut, which begins a message or continues one. False: nothing more for now. */
static bool pipe_cut(struct pipe *p, struct vn_span *at)
{
	struct vn_message msg;

	message_clear(&msg, p->direction == VN_REQUEST ? VN_ASKS : VN_ANSWERS);
	if (p->direction == VN_REQUEST && !p->work->now.open &&
	    p->conn->exchanges.entries >= EXCHANGES_MAX) {
		conn_go_raw(p->conn, p, "more than 65536 requests are unanswered");
		return !p->conn->dead;
	}
	struct vn_cut cut = protocol_cut(p, *at, &msg);
	const char *raw = worker_of(p)->session.raw;
	bool closes = worker_of(p)->session.close;

	if (cut.kind == VN_CUT_TLS)
		return pipe_cut_tls(p, at, &cut);
	if (cut.kind == VN_CUT_MORE && at->n < UNPARSED_MAX) {
		p->conn->unsure = p->direction == VN_REQUEST && greeting_owed(p->conn);
		return false;
	}
	if (cut.kind == VN_CUT_WAIT && p->direction == VN_REQUEST && worker_of(p)->session.owed) {
		p->work->halted = true;
		return false;
	}
	pipe_wake(&p->conn->request);
	if (!cut_sane(p, &cut, *at, &msg)) {
		pipe_run_flush(p);
		conn_go_raw(p->conn, p,
		            cut.kind == VN_CUT_RAW  ? worker_of(p)->session.notice :
		            cut.kind == VN_CUT_MORE ? "a message's head is longer than 64 KiB" :
		                                      "the bytes are not understood");
		return !p->conn->dead;
	}
	if (!p->work->now.open) {
		struct vn_span piece = { at->p, cut.len < at->n ? cut.len : at->n };
		if (cut.replaced)
			piece = cut.instead;
		pipe_open(p, &msg);
		if (p->direction == VN_REQUEST)
			request_begin(p->conn, &msg, piece);
		else
			response_begin(p->conn, &msg, piece);
		if (p->conn->dead || p->ended)
			return false;
	} else if (p->direction == VN_REQUEST) {
		request_continue(p->conn);
	} else if (msg.role == VN_INTERIM) {
		response_invites(p->conn, cut.len);
		if (p->ended)
			return false;
	}
	if (cut.replaced) {
		cut_replace(p, &cut, at, closes);
		if (p->ended)
			return false;
	}
	p->work->now.body = cut.len;
	p->work->now.last = cut.kind == VN_CUT_END;
	p->work->now.raw = p->direction == VN_RESPONSE && p->work->now.last ? raw : NULL;
	return true;
}

/* The same without messages: all bytes belong to the turn. */
static bool pipe_cut_raw(struct pipe *p, struct vn_span *at)
{
	raw_turn(p->conn, p->direction, *at);
	if (p->conn->dead || p->ended)
		return false;
	struct current *m = &p->work->now;
	m->body = at->n;
	m->last = m->end != VN_STAY ||
	          (p->direction == VN_REQUEST && m->exchange && m->exchange->end);
	return true;
}

/* Reads the beginning of the client's stream. A header of the PROXY protocol is no request: it
 * passes unchanged, and the protocol's parser gets the bytes after it. False: more bytes are needed
 * to decide. */
static SELDOM bool stream_begin(struct pipe *p, struct vn_span at)
{
	struct conn *c = p->conn;
	struct proxy_header h = proxy_header_find(at);

	c->unsure = h.kind == PROXY_UNSURE;
	if (h.kind == PROXY_UNSURE || h.kind == PROXY_TORN)
		return false;
	conn_client_known(c, h.kind == PROXY_FOUND ? &h.client : NULL);
	if (c->dead)
		return false;
	if (h.kind == PROXY_BROKEN && !p->raw)
		conn_go_raw(c, p, "a header of the PROXY protocol is not understood");
	if (h.kind != PROXY_FOUND)
		return !c->dead;
	pipe_open(p, &(struct vn_message){ .role = VN_SILENT });
	p->work->now.body = h.length;
	p->work->now.last = true;
	return true;
}

static bool pipe_cut_next(struct pipe *p, struct vn_span *at)
{
	if (!p->conn->begun && p->direction == VN_REQUEST) {
		if (!stream_begin(p, *at))
			return false;
		if (p->work->now.body)
			return true;
	}
	return p->raw ? pipe_cut_raw(p, at) : pipe_cut(p, at);
}

/* What is left elsewhere of bytes that were kept: where they were read, and behind them. */
static SELDOM void unparsed_erase(struct pipe *p, struct vn_span at)
{
	explicit_bzero((uint8_t *)at.p, at.n);
	if (at.n < p->work->unparsed_n)
		explicit_bzero(p->work->unparsed + at.n, p->work->unparsed_n - at.n);
}

static void pipe_keep_unparsed(struct pipe *p, struct vn_span at)
{
	if (!pipe_has_work(p))
		return;
	if (!at.n || p->ended || p->conn->dead) {
		pipe_free_unparsed(p, p->work->unparsed, p->work->unparsed_n);
		p->work->unparsed = NULL;
		p->work->unparsed_n = 0;
		return;
	}
	if (!p->work->unparsed)
		p->work->unparsed = xmalloc(at.n < UNPARSED_MAX ? UNPARSED_MAX : at.n);
	assert(p->work->unparsed && (at.n <= UNPARSED_MAX || p->work->halted));
	memcpy(p->work->unparsed, at.p, at.n);
	if (pipe_from(p)->tls)          /* as pipe_free_unparsed() */
		unparsed_erase(p, at);
	p->work->unparsed_n = at.n;
}

/* Cuts, judges and passes on these bytes. The rest that cannot be cut yet is kept. */
static void pipe_process(struct pipe *p, uint8_t *bytes, size_t n)
{
	struct conn *c = p->conn;
	struct vn_span at = { bytes, n };

	while (!p->ended && !c->dead) {
		if (p->direction == VN_RESPONSE && !p->work->now.open && reply_due(c)) {
			reply_send(c);
			continue;
		}
		if (!at.n)
			break;
		if (!p->work->now.body && !pipe_cut_next(p, &at))
			break;
		size_t take = at.n < p->work->now.body ? at.n : p->work->now.body;
		pipe_hear(p, at.p, take);
		if (take)
			piece_pass(p, (uint8_t *)at.p, take);
		at.p += take;
		at.n -= take;
		p->offset += take;
		p->work->now.body -= take;
		if (p->work->now.open && !p->work->now.body && p->work->now.last)
			message_done(p);
	}
	if (!c->dead)
		pipe_run_flush(p);
	pipe_keep_unparsed(p, at);
}

/* Processes bytes that had to wait for an answer. */
static void pipe_resume(struct pipe *p)
{
	uint8_t *bytes = p->work->unparsed;
	size_t n = p->work->unparsed_n;

	p->work->resumes = false;
	p->work->unparsed = NULL;
	p->work->unparsed_n = 0;
	pipe_process(p, bytes, n);
	pipe_free_unparsed(p, bytes, n);
}

/* True if due bytes wait for room. If they wait for their pace, more is read in time, so that the
 * line is never empty. */
static bool pipe_blocked(const struct pipe *p)
{
	if (side_stuck(pipe_to(p)))
		return true;
	if (p->work->splice_pipe || !pipe_due(p))
		return p->work->splice_pipe;
	return p->work->slot_end <= worker_of(p)->loop.now ||
	       p->work->queue.bytes > send_ahead(p, holds_total(p->work->queue.last->why));
}

static bool pipe_full(const struct pipe *p)
{
	const struct queue *q = &p->work->queue;
	const struct worker *w = worker_of(p);
	size_t most = shard_spec(p->conn->shard)->hold_max;

	return pipe_blocked(p) || queue_cost(q) >= most ||
	       (w->held >= w->hold_total && queue_cost(q) >= ALWAYS) ||
	       (p->direction == VN_REQUEST &&
	        queue_cost(&p->conn->response.work->queue) >= most);
}

static bool pipe_reads(struct pipe *p)
{
	const struct conn_rules *r = p->conn->ruled;

	if (!pipe_from(p)->open || !pipe_from(p)->readable || p->eof || p->ended || r->stalled ||
	    (p->direction == VN_REQUEST && r->muted) || p->work->halted || !pipe_to(p)->open)
		return false;
	if (!pipe_full(p))
		return true;
	pipe_work_acquire(p);
	p->work->behind = true;
	return false;
}

static void pipe_eof(struct pipe *p)
{
	struct judgement j;
	struct holds *why = NULL;
	enum vn_end end = VN_STAY;

	p->eof = true;
	pipe_wake(&p->conn->request);           /* the answer that it waits for will not come */
	if (!p->work->now.gone)                 /* the beginning of a message passes */
		pipe_queue_bytes(p, (struct vn_span){ p->work->unparsed, p->work->unparsed_n },
		                 p->work->now.holds);
	pipe_keep_unparsed(p, (struct vn_span){ 0 });
	if (p->conn->plan->moments & VN_ON_END &&
	    conn_judge(p->conn,
	               &(struct question){ .moment = VN_ON_END, .direction = p->direction }, &j)) {
		why = holds_make(NULL, &j);
		conn_apply_end(p->conn, &j, &end);
	}
	if (end != VN_STAY)
		pipe_end(p, end);
	pipe_put(p, PARCEL_FIN, 0, why);
	holds_unref(why);
}

/* n bytes of the message under way were spliced. */
static void pipe_skip(struct pipe *p, size_t n)
{
	if (p->raw)
		raw_turn(p->conn, p->direction, (struct vn_span){ NULL, n });
	else
		p->work->now.body -= n;
	piece_skip(p, n);
	p->offset += n;
	p->conn->again = true;
	if (!p->raw && !p->work->now.body && p->work->now.last)
		message_done(p);
}

static bool pipe_fill(struct pipe *p)
{
	struct worker *w = worker_of(p);
	uint8_t *to = w->buffer + UNPARSED_MAX;
	bool unseen = p->bulk && !p->conn->hearing && splice_takes(p);  /* a digest needs bytes */
	size_t most = p->bulk && !unseen ? splice_head(p) : w->bufsize;
	ssize_t n = unseen ? splice_fill(p) : transport_read(p, to, most);

	if (n < 0) {
		if (p->work->behind)
			p->work->behind = false;
		return false;
	}
	if (n == 0) {
		if (!pipe_from(p)->broken)
			pipe_eof(p);
		return !pipe_from(p)->broken;
	}
	if (p->conn->plan->n)
		loop_clock(&w->loop);   /* holds count from this time */
	p->conn->active = w->loop.now;
	p->conn->resting = false;
	stats_add(&p->conn->shard->stats,
	          p->direction == VN_REQUEST ? STAT_READS_REQUEST : STAT_READS_RESPONSE, 1);
	stats_add(&p->conn->shard->stats,
	          p->direction == VN_REQUEST ? STAT_READ_REQUEST : STAT_READ_RESPONSE,
	          (uint64_t)n);
	p->came += (uint64_t)n;
	pipe_work_acquire(p);
	if (unseen) {
		pipe_skip(p, (size_t)n);
		return true;
	}
	if (most == w->bufsize)
		splice_note(p, (size_t)n);
	size_t all = p->work->unparsed_n + (size_t)n;
	to -= p->work->unparsed_n;
	if (p->work->unparsed_n)
		memcpy(to, p->work->unparsed, p->work->unparsed_n);
	pipe_process(p, to, all);
	if (most < w->bufsize)
		splice_headed(p, all);
	p->work->behind = false;
	return true;
}

void pipe_pump(struct pipe *p)
{
	for (unsigned rounds = 0; !p->conn->dead; rounds++) {
		send_due(p);
		if (p->work->resumes && !p->conn->dead)
			pipe_resume(p);
		if (p->conn->dead || !pipe_reads(p))
			return;
		if (rounds == ROUNDS || (rounds && !turn_goes_on(worker_of(p)))) {
			conn_later(p->conn);
			return;
		}
		if (!pipe_fill(p))
			return;
	}
}
