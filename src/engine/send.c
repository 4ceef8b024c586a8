/* send.c - sending half of a pipe: due parcels, at the pace that rules set. */
#include "engine/send.h"

#include <math.h>

#include "engine/conn_exchange.h"
#include "engine/conn_trace.h"
#include "engine/line.h"
#include "engine/pipe.h"
#include "engine/handshake.h"
#include "engine/splice.h"
#include "engine/transport.h"

enum {
	GATHER = 64,                    /* parcels of one sendmsg ... */
	GATHERED = 1 << 20,             /* ... and bytes, after which it gets no more of them */
	TURNS = 16,                     /* sends before others get their turn */
};

static const vn_nsec LATE_MAX = 100 * VN_MS;

/* ---- pace ----
 *
 * A line models a slow link. Bytes enter it in slots, one after the other. A slot is sent when it
 * has passed the line. */

/* The bytes of the next slot: a piece, or what passes in 1 ms, or in the time that we are late. */
static size_t slot_size(const struct pipe *p, const struct vn_pace *pace, vn_nsec late, size_t left)
{
	size_t n = left;

	if (pace->piece) {
		struct vn_dice d = dice_at(&p->conn->shard->junk, p->conn->number, p->sent,
		                           256 | p->direction);
		n = pace->piece - pace->vary + vn_dice_below(&d, 2 * (uint64_t)pace->vary + 1);
	} else if (pace->rate) {
		unsigned __int128 ms = pace->rate / 1000 + 1, passed = 0;
		if (late > 0)
			passed = (unsigned __int128)late * pace->rate / VN_S;
		passed = passed > ms ? passed : ms;
		n = passed < left ? (size_t)passed : left;
	}
	return n < left ? n ? n : 1 : left;
}

/* Bytes that waited in the sender's socket enter the line as if we had not been late. Otherwise the
 * line would be slower than its rate. This makes up for LATE_MAX at most. */
static vn_nsec slot_start(const struct pipe *p, const struct parcel *q, vn_nsec now)
{
	vn_nsec from =
		q->behind && p->work->line_free && q->due == q->came ? now - LATE_MAX : q->due;

	return later(from, p->work->line_free);
}

/* Two slots; if bytes are held, also what passes in `late` ns and 20 ms, as we may wake late. */
size_t send_ahead(const struct pipe *p, vn_nsec late)
{
	struct vn_pace pace = holds_pace(p->work->queue.first->why);
	double rate = pace.rate ? (double)pace.rate / VN_S : HUGE_VAL;

	if (pace.gap && (double)pace.piece / (double)pace.gap < rate)
		rate = (double)pace.piece / (double)pace.gap;
	double more = late ? rate * ((double)late + 20 * VN_MS) : 0;
	return 2 * p->work->slot + (more < 0x1p62 ? (size_t)more : SIZE_MAX / 2);
}

static void slot_take(struct pipe *p, const struct parcel *q, const struct vn_pace *pace,
                      vn_nsec now)
{
	vn_nsec start = slot_start(p, q, now), end = start;
	bool shared = false;

	for (unsigned i = 0; i < q->why->n; i++)
		shared |= !!q->why->by[i].line;
	size_t n = slot_size(p, pace, shared ? 0 : now - start, q->n - q->at);
	for (unsigned i = 0; i < q->why->n; i++) {
		const struct hold *s = &q->why->by[i];
		_Atomic vn_nsec *line = s->line ? &s->line[p->direction == VN_RESPONSE] : NULL;
		if (s->pace.rate)
			end = later(end, line ? line_shared(line, start, n, s->pace.rate) :
			                        line_passed(start, n, s->pace.rate));
	}
	p->work->slot = n;
	p->work->slot_end = end;
	p->work->line_free = end > VN_NEVER - pace->gap ? VN_NEVER : end + pace->gap;
}

static void parcel_done(struct pipe *p)
{
	shard_held_add(p->conn->shard, -(ptrdiff_t)PARCEL_COST);
	queue_pop(&p->work->queue);
}

static void parcel_sent(struct pipe *p, size_t n)
{
	pipe_sent(p, n);
	p->work->queue.bytes -= n;
	shard_held_add(p->conn->shard, -(ptrdiff_t)n);
	while (n) {
		struct parcel *q = p->work->queue.first;
		size_t m = q->n - q->at < n ? q->n - q->at : n;
		q->at += m;
		n -= m;
		if (q->at < q->n)
			break;
		if (q->began)
			fine_note(&p->conn->shard->stats.answered,
			               worker_of(p)->loop.now - q->began);
		if (q->trace)
			parcel_trace_sent(p, q);
		parcel_done(p);
	}
	if (p->direction == VN_RESPONSE)
		raw_turn_sent(p->conn);
	p->conn->again = true;
}

/* Sends the first parcel at its pace. False: nothing more can be sent now. */
static bool send_paced(struct pipe *p, const struct vn_pace *pace)
{
	struct parcel *q = p->work->queue.first;
	struct loop *l = &worker_of(p)->loop;

	if (!p->work->slot)
		slot_take(p, q, pace, l->now);
	if (p->work->slot_end > l->now) {
		timer_set(l, &p->work->timer, p->work->slot_end);
		return false;
	}
	if (!pipe_to(p)->writable)
		return false;
	ssize_t sent = pipe_send_now(p, &(struct iovec){ q->bytes + q->at, p->work->slot }, 1);
	if (sent < 0)
		return false;
	p->work->slot -= (size_t)sent;
	parcel_sent(p, (size_t)sent);
	return true;
}

/* Sends all due parcels of bytes without a pace together. False: there is no room. */
static bool send_gathered(struct pipe *p, vn_nsec now)
{
	struct iovec v[GATHER] = { 0 };
	unsigned n = 0;
	size_t bytes = 0;

	for (struct parcel *q = p->work->queue.first;
	     q && n < GATHER && bytes < GATHERED && q->kind == PARCEL_BYTES && q->due <= now;
	     q = q->next) {
		struct vn_pace pace = holds_pace(q->why);
		if (pace.rate || pace.piece)
			break;
		v[n++] = (struct iovec){ q->bytes + q->at, q->n - q->at };
		bytes += q->n - q->at;
	}
	ssize_t sent = pipe_send_now(p, v, n);
	if (sent < 0)
		return false;
	if ((size_t)sent < bytes)
		pipe_to(p)->writable = false;
	parcel_sent(p, (size_t)sent);
	return true;
}

/* False: what TLS has to send first is stuck. */
static bool pipe_shut(struct pipe *p)
{
	bool last = p->direction == VN_REQUEST ? p->conn->response.shut : p->conn->request.shut;

	if ((!last || pipe_to(p)->tls) && !transport_shut(p))
		return false;
	p->shut = true;
	if (last)
		conn_doom(p->conn, VN_CLOSE, CLOSE_REASON_BOTH);
	return true;
}

/* Sends the first parcel, which is due. False: it has to wait. */
static bool send_first(struct pipe *p, vn_nsec now)
{
	struct parcel *q = p->work->queue.first;

	switch (q->kind) {
	case PARCEL_MARK:
		q->exchange->sent = true;
		p->conn->again = true;
		break;
	case PARCEL_FIN:
		if (!pipe_shut(p) || p->conn->dead)
			return false;
		break;
	case PARCEL_TLS:
		parcel_done(p);
		handshake_upgrade(p->conn, pipe_to(p));
		return false;
	case PARCEL_END:
		if (side_stuck(pipe_to(p)))
			return false;
		if (p->conn->turned_away)
			conn_doom(p->conn, q->end, CLOSE_REASON_CLIENT_TLS);
		else
			conn_doom_by_rule(p->conn, q->end);
		return false;
	default: {
		struct vn_pace pace = holds_pace(q->why);
		if (pace.rate || pace.piece)
			return send_paced(p, &pace);
		return pipe_to(p)->writable && send_gathered(p, now);
	}
	}
	parcel_done(p);
	return true;
}

static bool send_may(const struct pipe *p)
{
	return pipe_to(p)->open && !pipe_to(p)->broken &&
	       !(p->conn->ruled->vanished && p->direction == VN_RESPONSE);
}

void send_due(struct pipe *p)
{
	struct loop *l = &worker_of(p)->loop;

	if (!p->work->queue.first)
		timer_stop(l, &p->work->timer);
	if (p->work->splice_pipe && !(send_may(p) && pipe_to(p)->writable && splice_flush(p)))
		return;
	for (unsigned turns = 0; p->work->queue.first && send_may(p); turns++) {
		if (p->work->queue.first->due > l->now) {
			timer_set(l, &p->work->timer, p->work->queue.first->due);
			return;
		}
		if (turns == TURNS || (turns && !turn_goes_on(worker_of(p)))) {
			conn_later(p->conn);
			return;
		}
		if (!send_first(p, l->now) || p->conn->dead)
			return;
	}
}
