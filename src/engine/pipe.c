/* pipe.c - one direction of a connection: fill, cut, judge, schedule; send.c does the rest. */
#include "engine/pipe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "engine/conn.h"
#include "engine/requests.h"
#include "engine/conn_rules.h"
#include "engine/shard.h"
#include "engine/send.h"
#include "engine/splice.h"
#include "engine/worker.h"

enum {
	ROUNDS = 16,                    /* reads in one go, for fairness */
	ALWAYS = 65536,                 /* so much may be held whatever the total says */
};

static struct worker *worker_of(const struct pipe *p)
{
	return p->conn->shard->worker;
}

static void pipe_fire(struct timer *t)
{
	conn_run(OWNER(pipe_work, timer, t)->pipe->conn);
}

/* ---- calm: what is only needed while something goes on is lent for as long ---- */

enum { SPARES = 256 };

static const struct pipe_work no_work;

void pipe_init(struct pipe *p, struct conn *c, enum vn_direction d)
{
	*p = (struct pipe){ .conn = c, .direction = (uint8_t)d, .work = (struct pipe_work *)&no_work };
}

void pipe_work_acquire(struct pipe *p)
{
	struct work_pool *all = &worker_of(p)->work_pool;
	struct pipe_work *b = all->spare;

	if (p->work != &no_work)
		return;
	if (b) {
		all->spare = *(struct pipe_work **)b;
		all->spares--;
	} else {
		b = xmalloc(sizeof *b);
		*b = (struct pipe_work){ .timer.fire = pipe_fire };
	}
	b->pipe = p;
	p->work = b;
}

/* Nothing is in it, and nothing of what it says would be missed. */
static bool pipe_work_unused(const struct pipe *p)
{
	const struct pipe_work *b = p->work;

	if (b->queue.first || b->splice_pipe || b->rest || b->line_free || b->halted || b->resumes || b->sequel.open)
		return false;
	return p->conn->dead || !b->now.open || (p->raw && !p->conn->plan->n && !b->now.gone && !b->now.holds && b->now.end == VN_STAY);
}

void pipe_work_release(struct pipe *p)
{
	struct work_pool *all = &worker_of(p)->work_pool;
	struct pipe_work *b = p->work;

	if (b == &no_work || !pipe_work_unused(p))
		return;
	p->work = (struct pipe_work *)&no_work;
	timer_stop(&worker_of(p)->loop, &b->timer);
	if (all->spares >= SPARES) {
		free(b);
		return;
	}
	b->now.open = b->behind = false;
	b->now.exchange = NULL;
	b->slot = 0;
	*(struct pipe_work **)b = all->spare;
	all->spare = b;
	all->spares++;
}

void work_pool_free(struct work_pool *all)
{
	for (struct pipe_work *b; (b = all->spare); free(b))
		all->spare = *(struct pipe_work **)b;
}

/* ---- */

void message_forget(struct current *m)
{
	if (m->holds)             /* field by field: clearing it whole costs more than all the rest of a calm message */
		holds_unref(m->holds);
	m->holds = NULL;
	m->exchange = NULL;
	m->body = 0;
	m->open = m->last = m->gone = false;
	m->end = VN_STAY;
}

void pipe_free(struct pipe *p)
{
	if (p->work == &no_work)
		return;
	shard_held_add(p->conn->shard, -(ptrdiff_t)queue_cost(&p->work->queue));
	queue_clear(&p->work->queue);
	message_forget(&p->work->now);
	message_forget(&p->work->sequel);
	timer_stop(&worker_of(p)->loop, &p->work->timer);
	splice_drop(p);
	free(p->work->rest);
	p->work->rest = NULL;         /* it may die of what is being cut */
	p->work->rest_n = p->work->run_n = 0;
	p->work->line_free = 0;
	p->work->halted = p->work->resumes = false;
}

/* ---- schedule: what does not go at once becomes a parcel ---- */

static void run_flush(struct pipe *p)
{
	struct worker *w = worker_of(p);
	size_t n = p->work->run_n, sent = 0;

	if (!n)
		return;
	p->work->run_n = 0;
	if (!pipe_waits(p) && pipe_to(p)->open && pipe_to(p)->writable && !pipe_to(p)->broken) {
		ssize_t m = send_now(p, &(struct iovec){ p->work->run, n }, 1);
		sent = m < 0 ? 0 : (size_t)m;
		if (sent < n)
			pipe_to(p)->writable = false;
		send_count(p, sent);
	}
	if (sent < n) {
		shard_held_add(p->conn->shard, (ptrdiff_t)(n - sent + PARCEL_COST));
		memcpy(queue_put(&p->work->queue, PARCEL_BYTES, n - sent, w->loop.now, NULL)->bytes, p->work->run + sent, n - sent);
	}
}

static SELDOM void run_begin(struct pipe *p, uint8_t *bytes, size_t n)
{
	run_flush(p);
	p->work->run = bytes;
	p->work->run_n = n;
}

static void run_extend(struct pipe *p, uint8_t *bytes, size_t n)
{
	if (p->work->run_n && p->work->run + p->work->run_n == bytes)
		p->work->run_n += n;
	else if (n)
		run_begin(p, bytes, n);
}

/* The one way into the queue, but for what a full socket left over. */
static struct parcel *pipe_put(struct pipe *p, enum parcel_kind kind, size_t n, struct holds *why)
{
	struct worker *w = worker_of(p);

	pipe_work_acquire(p);
	run_flush(p);
	shard_held_add(p->conn->shard, (ptrdiff_t)(n + PARCEL_COST));
	p->conn->again = true;
	struct parcel *q = queue_put(&p->work->queue, kind, n, w->loop.now, why);
	q->behind = p->work->behind;
	return q;
}

static void pipe_queue_bytes(struct pipe *p, struct vn_span bytes, struct holds *why)
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
void pipe_answer(struct pipe *p, vn_nsec began)
{
	struct parcel *last = p->work->run_n ? NULL : p->work->queue.last;

	if (last && last->kind == PARCEL_BYTES && last->why && !last->began)
		last->began = began;
	else
		histogram_note(&p->conn->shard->stats.answered, worker_of(p)->loop.now - began);
}

void pipe_end(struct pipe *p, enum vn_end end)
{
	pipe_put(p, PARCEL_END, 0, NULL)->end = end;
	p->conn->request.ended = p->conn->response.ended = true;
}

/* Bytes that are spoilt: junk is put in, bits are flipped. */
static void pipe_spoil(struct pipe *p, const uint8_t *bytes, size_t n, const struct vn_dirt *dirt, struct holds *why)
{
	size_t at = dirt->at == VN_MIDDLE ? n / 2 : dirt->at < n ? dirt->at : n;
	struct vn_dice d = dice_at(&p->conn->shard->junk, p->conn->number, p->offset, p->direction);
	if (!n && !dirt->junk)
		return;
	uint8_t *to = pipe_put(p, PARCEL_BYTES, n + dirt->junk, why)->bytes;
	memcpy(to, bytes, at);
	dice_fill(&d, to + at, dirt->junk);
	memcpy(to + at + dirt->junk, bytes + at, n - at);
	for (unsigned i = 0; i < dirt->flips && n; i++) {
		uint64_t bit = vn_dice_below(&d, (uint64_t)n * 8);
		size_t byte = bit / 8 < at ? bit / 8 : bit / 8 + dirt->junk;
		to[byte] ^= (uint8_t)(1 << bit % 8);
	}
}

/* ---- judge: what the rules say of each piece ---- */

static void passed_add(struct pipe *p, size_t n)
{
	struct conn *c = p->conn;

	for (unsigned i = 0; c->ruled->states && i < c->plan->n; i++)
		if (c->ruled->states[i])
			c->ruled->states[i]->passed[p->direction == VN_RESPONSE] += n;
}

bool pipe_asks(const struct pipe *p)
{
	const struct conn *c = p->conn;

	return c->plan->moments & VN_ON_DATA && plan_asks(c->plan, VN_ON_DATA, &c->ruled->whole, p->work->now.exchange ? &p->work->now.exchange->flags : NULL);
}

/* Ask VN_ON_DATA of this piece. What it says adds to what befalls the message. */
static void piece_judge(struct pipe *p, uint8_t *bytes, size_t n, struct vn_verdict *v, struct holds **why, enum vn_end *end)
{
	struct judgement j;
	struct question q = { .moment = VN_ON_DATA, .direction = p->direction, .data = bytes, .len = n, .offset = p->offset };

	if (p->work->now.exchange) {
		q.exchange = p->work->now.exchange->number;
		q.flags = &p->work->now.exchange->flags;
		q.msg = &p->work->now.exchange->asked;
	}
	if (!conn_judge(p->conn, &q, &j))
		return;
	*why = holds_make(p->work->now.holds, &j);
	*v = j.v;
	conn_apply_end(p->conn, &j, end);
}

/* What befalls a piece of which somebody has something to say. */
static SELDOM void piece_apply(struct pipe *p, uint8_t *bytes, size_t n)
{
	struct current *m = &p->work->now;
	struct vn_verdict v = { .keep = VN_ALL };
	struct holds *why = NULL;
	enum vn_end end = VN_STAY;
	struct vn_dirt dirt = m->dirt;

	if (m->gone && !dirt.junk)
		return;
	if (!m->gone && pipe_asks(p))
		piece_judge(p, bytes, n, &v, &why, &end);
	if (!why)
		why = holds_ref(m->holds);
	size_t keep = v.fate == VN_PASS && !m->gone ? v.keep : 0;
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
	m->dirt = (struct vn_dirt){ 0 };
	if (dirt.junk || dirt.flips)
		pipe_spoil(p, bytes, keep, &dirt, why);
	else if (why)
		pipe_queue_bytes(p, (struct vn_span){ bytes, keep }, why);
	else
		run_extend(p, bytes, keep);
	holds_unref(why);
	if (p->conn->plan->moments & VN_ON_DATA)
		passed_add(p, keep);
	if (end != VN_STAY && (v.keep == VN_ALL || cut))      /* a limit ends things only when it is reached */
		pipe_end(p, end);
	else if (m->end != VN_STAY && m->keep == 0)        /* so does a reply cut short */
		pipe_end(p, m->end);
}

static inline void piece_pass(struct pipe *p, uint8_t *bytes, size_t n)
{
	const struct current *m = &p->work->now;

	if (m->gone || m->holds || m->keep != UINT64_MAX || m->dirt.junk || m->dirt.flips || p->conn->plan->moments & VN_ON_DATA)
		piece_apply(p, bytes, n);
	else
		run_extend(p, bytes, n);
}

void pipe_insert(struct pipe *p, struct vn_span bytes, struct exchange *x, struct holds *late)
{
	struct current was = p->work->now;

	pipe_work_acquire(p);
	p->work->now = (struct current){ .open = true, .keep = UINT64_MAX, .exchange = x, .holds = late };
	if (bytes.n)
		piece_pass(p, (uint8_t *)bytes.p, bytes.n);
	run_flush(p);           /* they are in scratch */
	p->work->now = was;
}

/* ---- cut: where messages start and end ---- */

static SELDOM void sequel_begin(struct pipe *p)
{
	p->work->now = p->work->sequel;
	p->work->sequel = (struct current){ 0 };
}

static void message_done(struct pipe *p)
{
	if (p->direction == VN_REQUEST)
		request_complete(p->conn);
	else
		response_complete(p->conn);
	message_forget(&p->work->now);
	if (p->work->sequel.open)
		sequel_begin(p);
}

static struct vn_cut protocol_cut(struct pipe *p, struct vn_span at, struct vn_message *msg)
{
	struct conn *c = p->conn;
	struct vn_session *t = conn_talk(c);
	struct exchange *x = c->exchanges.first;

	t->owed = x && !c->response.eof;
	struct vn_cut cut = p->direction == VN_REQUEST ? t->self->request(t, at, msg) : t->self->response(t, at, x ? &x->asked : NULL, msg);
	conn_heard(c);
	return cut;
}

void pipe_open(struct pipe *p, const struct vn_message *msg)
{
	if (p->work == &no_work)
		pipe_work_acquire(p);
	struct current *m = &p->work->now;

	if (m->open || m->holds)
		message_forget(m);
	m->open = true;
	m->keep = UINT64_MAX;
	m->role = msg->role;
	if (m->dirt.junk || m->dirt.flips)
		m->dirt = (struct vn_dirt){ 0 };
}

/* What a parser returns is taken for what it can mean. */
static bool cut_sane(const struct pipe *p, const struct vn_cut *cut, struct vn_span at, const struct vn_message *msg)
{
	if (cut->replaced && cut->len > at.n)
		return false;
	if (cut->kind == VN_CUT_END && !cut->len)
		return p->direction == VN_RESPONSE && p->conn->exchanges.first && !p->work->now.open && msg->role == VN_ANSWERS;
	return (cut->kind == VN_CUT_PART || cut->kind == VN_CUT_END) && cut->len;
}

/* Field by field: all at once is an instruction that takes long to begin. */
static void message_clear(struct vn_message *m, enum vn_role role)
{
	m->role = role;
	m->is = 0;
	memset(m->verb, 0, sizeof m->verb);
	m->subject = m->bytes = (struct vn_span){ 0 };
	m->head = 0;
	m->failure = m->agreed = NULL;
	m->sequel = NULL;
	m->seq = m->note = 0;
}

/* The next cut of what is at hand, which opens a message or goes on with one. False: no more for now. */
static bool pipe_cut(struct pipe *p, struct vn_span *at)
{
	struct vn_message msg;

	message_clear(&msg, p->direction == VN_REQUEST ? VN_ASKS : VN_ANSWERS);
	if (p->direction == VN_REQUEST && !p->work->now.open && p->conn->exchanges.entries >= EXCHANGES_MAX) {
		conn_go_raw(p->conn, p, "more than 65536 requests are unanswered");
		return !p->conn->dead;
	}
	struct vn_cut cut = protocol_cut(p, *at, &msg);

	if (cut.kind == VN_CUT_MORE && at->n < REST_MAX)
		return false;
	if (cut.kind == VN_CUT_WAIT && p->direction == VN_REQUEST && worker_of(p)->talk.owed) {
		p->work->halted = true;
		return false;
	}
	pipe_wake(&p->conn->request);
	if (!cut_sane(p, &cut, *at, &msg)) {
		run_flush(p);
		conn_go_raw(p->conn, p, cut.kind == VN_CUT_RAW ? worker_of(p)->talk.notice : cut.kind == VN_CUT_MORE ?
		         "a message's head is longer than 64 KiB" : "the bytes are not understood");
		return !p->conn->dead;
	}
	if (!p->work->now.open) {
		struct vn_span piece = cut.replaced ? cut.instead : (struct vn_span){ at->p, cut.len < at->n ? cut.len : at->n };
		pipe_open(p, &msg);
		if (p->direction == VN_REQUEST)
			request_begin(p->conn, &msg, piece);
		else
			response_begin(p->conn, &msg, piece);
		if (p->conn->dead || p->ended)
			return false;
	} else if (p->direction == VN_REQUEST) {
		request_continue(p->conn);
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
	p->work->now.body = cut.len;
	p->work->now.last = cut.kind == VN_CUT_END;
	return true;
}

/* The same of bytes without messages: all that is at hand is of the turn. */
static bool pipe_cut_raw(struct pipe *p, struct vn_span *at)
{
	raw_turn(p->conn, p->direction, *at);
	if (p->conn->dead || p->ended)
		return false;
	p->work->now.body = at->n;
	p->work->now.last = p->work->now.end != VN_STAY || (p->direction == VN_REQUEST && p->work->now.exchange && p->work->now.exchange->end);
	return true;
}

static void pipe_keep_rest(struct pipe *p, struct vn_span at)
{
	if (p->work == &no_work)
		return;
	if (!at.n || p->ended || p->conn->dead) {
		free(p->work->rest);
		p->work->rest = NULL;
		p->work->rest_n = 0;
		return;
	}
	if (!p->work->rest)
		p->work->rest = xmalloc(at.n < REST_MAX ? REST_MAX : at.n);
	assert(p->work->rest && (at.n <= REST_MAX || p->work->halted));
	memmove(p->work->rest, at.p, at.n);
	p->work->rest_n = at.n;
}

/* All that can be cut of these bytes is judged and sent on; the rest is kept. */
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
		if (!p->work->now.body) {
			if (!(p->raw ? pipe_cut_raw(p, &at) : pipe_cut(p, &at)))
				break;
		}
		size_t take = at.n < p->work->now.body ? at.n : p->work->now.body;
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
		run_flush(p);
	pipe_keep_rest(p, at);
}

void pipe_wake(struct pipe *p)
{
	if (!p->work->halted)
		return;
	p->work->halted = false;
	p->work->resumes = p->conn->again = true;
}

/* What was read before and had to wait. */
static void pipe_resume(struct pipe *p)
{
	uint8_t *bytes = p->work->rest;
	size_t n = p->work->rest_n;

	p->work->resumes = false;
	p->work->rest = NULL;
	p->work->rest_n = 0;
	pipe_process(p, bytes, n);
	free(bytes);
}

/* ---- fill: read what is there ---- */

/* What is due and does not go waits for room, or for its pace. Then the next is read before the line runs dry, where
 * it will be held by so much before. */
static bool pipe_blocked(const struct pipe *p)
{
	if (p->work->splice_pipe || !pipe_due(p))
		return p->work->splice_pipe;
	return p->work->slot_end <= worker_of(p)->loop.now || p->work->queue.bytes > send_ahead(p, holds_total(p->work->queue.last->why));
}

static bool pipe_full(const struct pipe *p)
{
	const struct queue *q = &p->work->queue;
	const struct worker *w = worker_of(p);
	size_t most = shard_spec(p->conn->shard)->hold_max;

	return pipe_blocked(p) || queue_cost(q) >= most || (w->held >= w->hold_total && queue_cost(q) >= ALWAYS) ||
	       (p->direction == VN_REQUEST && queue_cost(&p->conn->response.work->queue) >= most);
}

static bool pipe_reads(struct pipe *p)
{
	if (!pipe_from(p)->open || !pipe_from(p)->readable || p->eof || p->ended || p->conn->ruled->stalled || p->work->halted || !pipe_to(p)->open)
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
	pipe_wake(&p->conn->request);           /* it waits for an answer that will not come */
	if (!p->work->now.gone)
		pipe_queue_bytes(p, (struct vn_span){ p->work->rest, p->work->rest_n }, p->work->now.holds);   /* the torso of a message */
	pipe_keep_rest(p, (struct vn_span){ 0 });
	if (p->conn->plan->moments & VN_ON_END &&
	    conn_judge(p->conn, &(struct question){ .moment = VN_ON_END, .direction = p->direction }, &j)) {
		why = holds_make(NULL, &j);
		conn_apply_end(p->conn, &j, &end);
	}
	if (end != VN_STAY)
		pipe_end(p, end);
	pipe_put(p, PARCEL_FIN, 0, why);
	holds_unref(why);
}

/* So many bytes of the message under way went by unseen. */
static void pipe_skip(struct pipe *p, size_t n)
{
	if (p->raw)
		raw_turn(p->conn, p->direction, (struct vn_span){ NULL, n });
	else
		p->work->now.body -= n;
	if (p->conn->plan->moments & VN_ON_DATA)
		passed_add(p, n);
	p->offset += n;
	p->conn->again = true;
	if (!p->raw && !p->work->now.body && p->work->now.last)
		message_done(p);
}

static bool pipe_fill(struct pipe *p)
{
	struct worker *w = worker_of(p);
	uint8_t *to = w->buffer + REST_MAX;
	bool unseen = splice_takes(p);
	ssize_t n = unseen ? splice_fill(p) : recv(pipe_from(p)->watch.fd, to, w->bufsize, MSG_DONTWAIT);

	if (n < 0) {
		pipe_from(p)->readable = false;
		if (p->work->behind)
			p->work->behind = false;
		if (errno != EAGAIN && errno != EINTR)
			pipe_from(p)->broken = true;
		return false;
	}
	if (n == 0) {
		if (!pipe_from(p)->broken)
			pipe_eof(p);
		return !pipe_from(p)->broken;
	}
	if (!unseen && (size_t)n < w->bufsize && !pipe_from(p)->hup)
		pipe_from(p)->readable = false;
	if (p->conn->plan->n)
		loop_clock(&w->loop);   /* holds count from here */
	p->conn->active = w->loop.now;
	p->conn->resting = false;
	stats_add(&p->conn->shard->stats, p->direction == VN_REQUEST ? STAT_READS_REQUEST : STAT_READS_RESPONSE, 1);
	stats_add(&p->conn->shard->stats, p->direction == VN_REQUEST ? STAT_READ_REQUEST : STAT_READ_RESPONSE, (uint64_t)n);
	p->came += (uint64_t)n;
	pipe_work_acquire(p);
	if (unseen) {
		pipe_skip(p, (size_t)n);
		return true;
	}
	splice_note(p, (size_t)n);
	to -= p->work->rest_n;
	if (p->work->rest_n)
		memcpy(to, p->work->rest, p->work->rest_n);
	pipe_process(p, to, p->work->rest_n + (size_t)n);
	p->work->behind = false;
	return true;
}

/* ---- the whole ---- */

void pipe_pump(struct pipe *p)
{
	for (unsigned rounds = 0; !p->conn->dead; rounds++) {
		send_due(p);
		if (p->work->resumes && !p->conn->dead)
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
	bool let_go = queue_remove_rules(&p->work->queue, plan) | holds_remove(p->work->now.holds, plan);

	holds_remove(p->work->sequel.holds, plan);
	if (p->work != &no_work && (let_go || !p->work->queue.first)) {
		p->work->line_free = p->work->queue.first ? worker_of(p)->loop.now : 0;
		p->work->slot = 0;
	}
	if (p->raw && p->work->now.open && !p->work->now.end)
		message_forget(&p->work->now);        /* bytes without messages meet new rules at the next piece */
}

bool pipe_waits(const struct pipe *p)
{
	return p->work->queue.first || p->work->splice_pipe;
}

bool pipe_due(const struct pipe *p)
{
	return pipe_to(p)->open && (p->work->splice_pipe || (p->work->queue.first && p->work->queue.first->due <= worker_of(p)->loop.now));
}

bool pipe_stuck(const struct pipe *p)
{
	return (p->work->queue.first && p->work->queue.first->due == VN_NEVER) || p->conn->ruled->stalled;
}

bool pipe_idle(const struct pipe *p)
{
	return !pipe_waits(p) && !p->work->rest_n && !p->work->now.open && !p->eof && !p->ended && !p->conn->ruled->stalled;
}
