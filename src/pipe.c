/* pipe.c - one direction of a connection: fill, cut, judge, schedule; send.c does the rest. */
#include "pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "dialogue.h"
#include "judge.h"
#include "proxy.h"
#include "send.h"
#include "splice.h"
#include "worker.h"

enum {
	ROUNDS = 16,                    /* reads in one go, for fairness */
	ALWAYS = 65536,                 /* so much may be held whatever the total says */
};

static struct worker *worker_of(const struct pipe *p)
{
	return p->conn->proxy->worker;
}

static void pipe_fire(struct timer *t)
{
	struct pipe *p = OWNER(pipe, timer, t);

	conn_run(p->conn);
}

void pipe_init(struct pipe *p, struct conn *c, enum direction d, struct side *from, struct side *to)
{
	*p = (struct pipe){ .conn = c, .direction = d, .from = from, .to = to, .timer.fire = pipe_fire };
}

void message_forget(struct current *m)
{
	lot_drop(m->lot);       /* field by field: clearing it whole costs more than all the rest of a calm message */
	m->lot = NULL;
	m->exchange = NULL;
	m->body = 0;
	m->open = m->last = m->gone = false;
	m->end = STAY;
}

void pipe_free(struct pipe *p)
{
	worker_hold(worker_of(p), -(ptrdiff_t)queue_cost(&p->queue));
	queue_clear(&p->queue);
	message_forget(&p->now);
	message_forget(&p->sequel);
	timer_stop(&worker_of(p)->loop, &p->timer);
	splice_drop(p);
	free(p->rest);
	p->rest = NULL;         /* it may die of what is being cut */
	p->rest_n = p->run_n = 0;
}

/* ---- schedule: what does not go at once becomes a parcel ---- */

static void run_flush(struct pipe *p)
{
	struct worker *w = worker_of(p);
	size_t n = p->run_n, sent = 0;

	p->run_n = 0;
	if (!n)
		return;
	if (!pipe_waits(p) && p->to->open && p->to->writable && !p->to->broken) {
		ssize_t m = send_now(p->to, &(struct iovec){ p->run, n }, 1);
		sent = m < 0 ? 0 : (size_t)m;
		if (sent < n)
			p->to->writable = false;
		send_count(p, sent);
	}
	if (sent < n) {
		worker_hold(w, (ptrdiff_t)(n - sent + PARCEL_COST));
		memcpy(queue_put(&p->queue, PARCEL_BYTES, n - sent, w->loop.now, NULL)->bytes, p->run + sent, n - sent);
	}
}

static void run_extend(struct pipe *p, uint8_t *bytes, size_t n)
{
	if (!n)
		return;
	if (p->run_n && p->run + p->run_n != bytes)
		run_flush(p);
	if (!p->run_n)
		p->run = bytes;
	p->run_n += n;
}

/* The one way into the queue, but for what a full socket left over. */
static struct parcel *pipe_put(struct pipe *p, enum parcel_kind kind, size_t n, struct lot *why)
{
	struct worker *w = worker_of(p);

	run_flush(p);
	worker_hold(w, (ptrdiff_t)(n + PARCEL_COST));
	p->conn->again = true;
	struct parcel *q = queue_put(&p->queue, kind, n, w->loop.now, why);
	q->behind = p->behind;
	return q;
}

static void pipe_say(struct pipe *p, struct span bytes, struct lot *why)
{
	if (bytes.n)
		memcpy(pipe_put(p, PARCEL_BYTES, bytes.n, why)->bytes, bytes.p, bytes.n);
}

void pipe_mark(struct pipe *p, struct exchange *x)
{
	run_flush(p);
	if (pipe_waits(p))
		pipe_put(p, PARCEL_MARK, 0, NULL)->exchange = x;
	else
		x->sent = p->conn->again = true;
}

/* Only bytes that a rule holds are worth waiting for; others go now, or as soon as the receiver lets them. */
void pipe_answer(struct pipe *p, nsec began)
{
	struct parcel *last = p->run_n ? NULL : p->queue.last;

	if (last && last->kind == PARCEL_BYTES && last->why && !last->began)
		last->began = began;
	else
		histogram_note(&p->conn->proxy->stats.answered, worker_of(p)->loop.now - began);
}

void pipe_end(struct pipe *p, enum end end)
{
	pipe_put(p, PARCEL_END, 0, NULL)->end = end;
	p->conn->request.ended = p->conn->response.ended = true;
}

/* Bytes that are spoilt: junk is put in, bits are flipped. */
static void pipe_spoil(struct pipe *p, const uint8_t *bytes, size_t n, const struct dirt *dirt, struct lot *why)
{
	size_t at = dirt->at == MIDDLE ? n / 2 : dirt->at < n ? dirt->at : n;
	struct dice d = dice_at(&p->conn->proxy->junk, p->conn->number, p->offset, p->direction);
	if (!n && !dirt->junk)
		return;
	uint8_t *to = pipe_put(p, PARCEL_BYTES, n + dirt->junk, why)->bytes;
	memcpy(to, bytes, at);
	dice_fill(&d, to + at, dirt->junk);
	memcpy(to + at + dirt->junk, bytes + at, n - at);
	for (unsigned i = 0; i < dirt->flips && n; i++) {
		uint64_t bit = dice_below(&d, (uint64_t)n * 8);
		size_t byte = bit / 8 < at ? bit / 8 : bit / 8 + dirt->junk;
		to[byte] ^= (uint8_t)(1 << bit % 8);
	}
}

/* ---- judge: what the rules say of each piece ---- */

static void passed_add(struct pipe *p, size_t n)
{
	struct conn *c = p->conn;

	for (unsigned i = 0; c->states && i < c->plan->n; i++)
		if (c->states[i])
			c->states[i]->passed[p->direction == RESPONSE] += n;
}

bool pipe_asks(const struct pipe *p)
{
	const struct conn *c = p->conn;

	return c->plan->moments & ON_DATA && plan_asks(c->plan, ON_DATA, &c->whole, p->now.exchange ? &p->now.exchange->stand : NULL);
}

/* Ask ON_DATA of this piece. What it says adds to what befalls the message. */
static void piece_judge(struct pipe *p, uint8_t *bytes, size_t n, struct verdict *v, struct lot **why, enum end *end)
{
	struct judgement j;
	struct question q = { .moment = ON_DATA, .direction = p->direction, .data = bytes, .len = n, .offset = p->offset };

	if (p->now.exchange) {
		q.exchange = p->now.exchange->number;
		q.stand = &p->now.exchange->stand;
		q.msg = &p->now.exchange->asked;
	}
	if (!judge_ask(p->conn, &q, &j))
		return;
	*why = lot_make(p->now.lot, &j);
	*v = j.v;
	judge_ends(p->conn, &j, end);
}

static void piece_pass(struct pipe *p, uint8_t *bytes, size_t n)
{
	struct current *m = &p->now;
	struct verdict v = { .keep = ALL };
	struct lot *why = NULL;
	enum end end = STAY;
	struct dirt dirt = m->dirt;

	if (m->gone && !dirt.junk)
		return;
	if (!m->gone && pipe_asks(p))
		piece_judge(p, bytes, n, &v, &why, &end);
	if (!why)
		why = lot_hold(m->lot);
	size_t keep = v.fate == PASS && !m->gone ? v.keep : 0;
	if (keep > m->keep)
		keep = m->keep;
	bool cut = keep < n;
	if (!cut)
		keep = n;
	if (m->keep != UINT64_MAX)
		m->keep -= keep;
	dirt.junk += v.dirt.junk;
	if (!m->dirt.junk)
		dirt.at = v.dirt.at;
	dirt.flips += v.dirt.flips;
	m->dirt = (struct dirt){ 0 };
	if (dirt.junk || dirt.flips)
		pipe_spoil(p, bytes, keep, &dirt, why);
	else if (why)
		pipe_say(p, (struct span){ bytes, keep }, why);
	else
		run_extend(p, bytes, keep);
	lot_drop(why);
	if (p->conn->plan->moments & ON_DATA)
		passed_add(p, keep);
	if (end != STAY && (v.keep == ALL || cut))      /* a limit ends things only when it is reached */
		pipe_end(p, end);
	else if (m->end != STAY && m->keep == 0)        /* so does a reply cut short */
		pipe_end(p, m->end);
}

void pipe_word(struct pipe *p, struct span bytes, struct exchange *x, struct lot *late)
{
	struct current was = p->now;

	p->now = (struct current){ .open = true, .keep = UINT64_MAX, .exchange = x, .lot = late };
	if (bytes.n)
		piece_pass(p, (uint8_t *)bytes.p, bytes.n);
	run_flush(p);           /* they are in scratch */
	p->now = was;
}

/* ---- cut: where messages start and end ---- */

static void message_done(struct pipe *p)
{
	if (p->direction == REQUEST)
		dialogue_asked(p->conn);
	else
		dialogue_answered(p->conn);
	message_forget(&p->now);
	if (p->sequel.open) {
		p->now = p->sequel;
		p->sequel = (struct current){ 0 };
	}
}

static struct cut protocol_cut(struct pipe *p, struct span at, struct message *msg)
{
	struct conn *c = p->conn;
	const struct protocol *proto = proxy_spec(c->proxy)->protocol;

	out_clear(c->talk.scratch);
	c->talk.owed = c->exchanges.first && !c->response.eof;
	if (p->direction == REQUEST)
		return proto->request(&c->talk, at, msg);
	return proto->response(&c->talk, at, c->exchanges.first ? &c->exchanges.first->asked : NULL, msg);
}

void pipe_open(struct pipe *p, const struct message *msg)
{
	struct current *m = &p->now;

	message_forget(m);
	m->open = true;
	m->keep = UINT64_MAX;
	m->role = msg->role;
	if (m->dirt.junk || m->dirt.flips)
		m->dirt = (struct dirt){ 0 };
}

/* What a parser returns is taken for what it can mean. */
static bool cut_sane(const struct pipe *p, const struct cut *cut, struct span at, const struct message *msg)
{
	if (cut->replaced && cut->len > at.n)
		return false;
	if (cut->kind == CUT_END && !cut->len)
		return p->direction == RESPONSE && p->conn->exchanges.first && !p->now.open && msg->role == ANSWERS;
	return (cut->kind == CUT_PART || cut->kind == CUT_END) && cut->len;
}

/* The next cut of what is at hand, which opens a message or goes on with one. False: no more for now. */
static bool pipe_cut(struct pipe *p, struct span *at)
{
	struct message msg = { .role = p->direction == REQUEST ? ASKS : ANSWERS };

	if (p->direction == REQUEST && !p->now.open && p->conn->exchanges.entries >= EXCHANGES_MAX) {
		dialogue_raw(p->conn, p, "more than 65536 requests are unanswered");
		return !p->conn->dead;
	}
	struct cut cut = protocol_cut(p, *at, &msg);

	if (cut.kind == CUT_MORE && at->n < REST_MAX)
		return false;
	if (cut.kind == CUT_WAIT && p->direction == REQUEST && p->conn->talk.owed) {
		p->halted = true;
		return false;
	}
	pipe_wake(&p->conn->request);
	if (!cut_sane(p, &cut, *at, &msg)) {
		run_flush(p);
		dialogue_raw(p->conn, p, cut.kind == CUT_RAW ? p->conn->talk.notice : cut.kind == CUT_MORE ?
		         "a message's head is longer than 64 KiB" : "the bytes are not understood");
		return !p->conn->dead;
	}
	if (!p->now.open) {
		struct span piece = cut.replaced ? cut.instead : (struct span){ at->p, cut.len < at->n ? cut.len : at->n };
		pipe_open(p, &msg);
		if (p->direction == REQUEST)
			dialogue_ask(p->conn, &msg, piece);
		else
			dialogue_answer(p->conn, &msg, piece);
		if (p->conn->dead || p->ended)
			return false;
	} else if (p->direction == REQUEST) {
		dialogue_go_on(p->conn);
	}
	if (cut.replaced) {
		if (cut.instead.n)
			piece_pass(p, (uint8_t *)cut.instead.p, cut.instead.n);
		run_flush(p);           /* `instead` is the protocol's scratch */
		p->offset += cut.len;
		at->p += cut.len;
		at->n -= cut.len;
		cut.len = 0;
	}
	p->now.body = cut.len;
	p->now.last = cut.kind == CUT_END;
	return true;
}

static void pipe_turn(struct pipe *p, struct span *at)
{
	dialogue_turn(p->conn, p->direction, *at);
	if (p->conn->dead)
		return;
	p->now.body = at->n;
	p->now.last = p->now.end != STAY || (p->direction == REQUEST && p->now.exchange && p->now.exchange->end);
}

static void pipe_keep_rest(struct pipe *p, struct span at)
{
	if (!at.n || p->ended || p->conn->dead) {
		free(p->rest);
		p->rest = NULL;
		p->rest_n = 0;
		return;
	}
	if (!p->rest)
		p->rest = malloc(at.n < REST_MAX ? REST_MAX : at.n);
	assert(p->rest && (at.n <= REST_MAX || p->halted));
	memmove(p->rest, at.p, at.n);
	p->rest_n = at.n;
}

/* All that can be cut of these bytes is judged and sent on; the rest is kept. */
static void pipe_digest(struct pipe *p, uint8_t *bytes, size_t n)
{
	struct conn *c = p->conn;
	struct span at = { bytes, n };

	while (!p->ended && !c->dead) {
		if (p->direction == RESPONSE && !p->now.open && dialogue_settles(c)) {
			dialogue_settle(c);
			continue;
		}
		if (!at.n)
			break;
		if (!p->now.body) {
			if (p->raw)
				pipe_turn(p, &at);
			else if (!pipe_cut(p, &at))
				break;
			if (c->dead || p->ended)
				break;
		}
		size_t take = at.n < p->now.body ? at.n : p->now.body;
		if (take)
			piece_pass(p, (uint8_t *)at.p, take);
		at.p += take;
		at.n -= take;
		p->offset += take;
		p->now.body -= take;
		if (p->now.open && !p->now.body && p->now.last)
			message_done(p);
	}
	if (!c->dead)
		run_flush(p);
	pipe_keep_rest(p, at);
}

void pipe_wake(struct pipe *p)
{
	if (!p->halted)
		return;
	p->halted = false;
	p->resumes = p->conn->again = true;
}

/* What was read before and had to wait. */
static void pipe_resume(struct pipe *p)
{
	uint8_t *bytes = p->rest;
	size_t n = p->rest_n;

	p->resumes = false;
	p->rest = NULL;
	p->rest_n = 0;
	pipe_digest(p, bytes, n);
	free(bytes);
}

/* ---- fill: read what is there ---- */

/* What is due and does not go waits for room, or for its pace. Then the next is read before the line runs dry, where
 * it will be held by so much before. */
static bool pipe_blocked(const struct pipe *p)
{
	if (p->duct || !pipe_due(p))
		return p->duct;
	return p->slot_end <= worker_of(p)->loop.now || p->queue.bytes > send_ahead(p, lot_late(p->queue.last->why));
}

static bool pipe_full(const struct pipe *p)
{
	const struct queue *q = &p->queue;
	const struct worker *w = worker_of(p);
	size_t most = proxy_spec(p->conn->proxy)->hold_max;

	return pipe_blocked(p) || queue_cost(q) >= most || (w->held >= w->hold_total && queue_cost(q) >= ALWAYS) ||
	       (p->direction == REQUEST && queue_cost(&p->conn->response.queue) >= most);
}

static bool pipe_reads(struct pipe *p)
{
	if (!p->from->open || !p->from->readable || p->eof || p->ended || p->stalled || p->halted || !p->to->open)
		return false;
	if (!pipe_full(p))
		return true;
	p->behind = true;
	return false;
}

static void pipe_eof(struct pipe *p)
{
	struct judgement j;
	struct lot *why = NULL;
	enum end end = STAY;

	p->eof = true;
	pipe_wake(&p->conn->request);           /* it waits for an answer that will not come */
	if (!p->now.gone)
		pipe_say(p, (struct span){ p->rest, p->rest_n }, p->now.lot);   /* the torso of a message */
	pipe_keep_rest(p, (struct span){ 0 });
	if (p->conn->plan->moments & ON_END &&
	    judge_ask(p->conn, &(struct question){ .moment = ON_END, .direction = p->direction }, &j)) {
		why = lot_make(NULL, &j);
		judge_ends(p->conn, &j, &end);
	}
	if (end != STAY)
		pipe_end(p, end);
	pipe_put(p, PARCEL_FIN, 0, why);
	lot_drop(why);
}

/* So many bytes of the message under way went by unseen. */
static void pipe_skip(struct pipe *p, size_t n)
{
	if (p->raw)
		dialogue_turn(p->conn, p->direction, (struct span){ NULL, n });
	else
		p->now.body -= n;
	if (p->conn->plan->moments & ON_DATA)
		passed_add(p, n);
	p->offset += n;
	p->conn->again = true;
	if (!p->raw && !p->now.body && p->now.last)
		message_done(p);
}

static bool pipe_fill(struct pipe *p)
{
	struct worker *w = worker_of(p);
	uint8_t *to = w->buffer + REST_MAX;
	bool unseen = splice_takes(p);
	ssize_t n = unseen ? splice_fill(p) : recv(p->from->watch.fd, to, w->bufsize, MSG_DONTWAIT);

	if (n < 0) {
		p->from->readable = p->behind = false;
		if (errno != EAGAIN && errno != EINTR)
			p->from->broken = true;
		return false;
	}
	if (n == 0) {
		if (!p->from->broken)
			pipe_eof(p);
		return !p->from->broken;
	}
	if (!unseen && (size_t)n < w->bufsize && !p->from->hup)
		p->from->readable = false;
	if (p->conn->plan->n)
		loop_clock(&w->loop);   /* holds count from here */
	p->conn->active = w->loop.now;
	p->conn->resting = false;
	stats_add(&p->conn->proxy->stats, p->direction == REQUEST ? STAT_READS_REQUEST : STAT_READS_RESPONSE, 1);
	stats_add(&p->conn->proxy->stats, p->direction == REQUEST ? STAT_READ_REQUEST : STAT_READ_RESPONSE, (uint64_t)n);
	p->came += (uint64_t)n;
	if (unseen) {
		pipe_skip(p, (size_t)n);
		return true;
	}
	splice_note(p, (size_t)n);
	to -= p->rest_n;
	if (p->rest_n)
		memcpy(to, p->rest, p->rest_n);
	pipe_digest(p, to, p->rest_n + (size_t)n);
	p->behind = false;
	return true;
}

/* ---- the whole ---- */

void pipe_pump(struct pipe *p)
{
	for (unsigned rounds = 0; !p->conn->dead; rounds++) {
		send_due(p);
		if (p->resumes && !p->conn->dead)
			pipe_resume(p);
		if (p->conn->dead || !pipe_reads(p))
			return;
		if (rounds == ROUNDS) {
			conn_later(p->conn);
			return;
		}
		if (!pipe_fill(p))
			return;
	}
}

void pipe_change(struct pipe *p, const struct plan *plan)
{
	bool let_go = queue_strip(&p->queue, plan) | lot_strip(p->now.lot, plan);

	lot_strip(p->sequel.lot, plan);
	if (let_go || !p->queue.first) {
		p->line_free = p->queue.first ? worker_of(p)->loop.now : 0;
		p->slot = 0;
	}
	if (p->stalled && plan_find(plan, p->stalled) < 0)
		p->stalled = 0;
	if (p->raw && p->now.open && !p->now.end)
		message_forget(&p->now);        /* bytes without messages meet new rules at the next piece */
}

bool pipe_waits(const struct pipe *p)
{
	return p->queue.first || p->duct;
}

bool pipe_due(const struct pipe *p)
{
	return p->to->open && (p->duct || (p->queue.first && p->queue.first->due <= worker_of(p)->loop.now));
}

bool pipe_stuck(const struct pipe *p)
{
	return (p->queue.first && p->queue.first->due == NEVER) || p->stalled;
}

bool pipe_idle(const struct pipe *p)
{
	return !pipe_waits(p) && !p->rest_n && !p->now.open && !p->eof && !p->ended && !p->stalled;
}
