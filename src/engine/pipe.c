/* pipe.c - writing half of a pipe, which is one direction of a connection. */
#include "engine/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/transport.h"

enum { SPARES = 256 };                  /* unused struct pipe_work that a worker keeps */

static void pipe_fire(struct timer *t)
{
	conn_later(OWNER(pipe_work, timer, t)->pipe->conn);
}

/* ---- struct pipe_work: what an active pipe needs ---- */

static const struct pipe_work no_work;

void pipe_init(struct pipe *p, struct conn *c, enum vn_direction d)
{
	*p = (struct pipe){
		.conn = c, .direction = (uint8_t)d, .work = (struct pipe_work *)&no_work
	};
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

bool pipe_has_work(const struct pipe *p)
{
	return p->work != &no_work;
}

/* True if nothing is in it, and its other members have no meaning now. */
static bool pipe_work_unused(const struct pipe *p)
{
	const struct pipe_work *b = p->work;

	if (b->queue.first || b->splice_pipe || b->unparsed || b->line_free || b->halted ||
	    b->resumes || b->sequel.open)
		return false;
	return p->conn->dead || !b->now.open ||
	       (p->raw && !p->conn->plan->n && !b->now.gone && !b->now.holds &&
	        b->now.end == VN_STAY);
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

void pipe_free_unparsed(const struct pipe *p, uint8_t *bytes, size_t n)
{
	if (n && pipe_from(p)->tls)
		explicit_bzero(bytes, n);
	free(bytes);
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
	pipe_drop_spliced(p);
	pipe_free_unparsed(p, p->work->unparsed, p->work->unparsed_n);
	p->work->unparsed = NULL;       /* pipe_process() may be cutting these bytes */
	p->work->unparsed_n = p->work->run_n = 0;
	p->work->line_free = 0;
	p->work->halted = p->work->resumes = false;
}

/* ---- sending and queueing: bytes that cannot be sent at once become a parcel ---- */

void pipe_run_flush(struct pipe *p)
{
	struct worker *w = worker_of(p);
	size_t n = p->work->run_n, sent = 0;

	if (!n)
		return;
	p->work->run_n = 0;
	if (!pipe_waits(p) && pipe_to(p)->open && pipe_to(p)->writable && !pipe_to(p)->broken) {
		ssize_t m = pipe_send_now(p, &(struct iovec){ p->work->run, n }, 1);
		sent = m < 0 ? 0 : (size_t)m;
		if (sent < n)
			pipe_to(p)->writable = false;
		pipe_sent(p, sent);
	}
	if (sent < n) {
		shard_held_add(p->conn->shard, (ptrdiff_t)(n - sent + PARCEL_COST));
		memcpy(queue_put(&p->work->queue, PARCEL_BYTES, n - sent, w->loop.now, NULL)->bytes,
		       p->work->run + sent, n - sent);
	}
}

void pipe_run_begin(struct pipe *p, uint8_t *bytes, size_t n)
{
	pipe_run_flush(p);
	p->work->run = bytes;
	p->work->run_n = n;
}

/* All parcels are made here, except the rest of a run that did not fit into the socket. */
struct parcel *pipe_put(struct pipe *p, enum parcel_kind kind, size_t n, struct holds *why)
{
	struct worker *w = worker_of(p);

	pipe_work_acquire(p);
	pipe_run_flush(p);
	shard_held_add(p->conn->shard, (ptrdiff_t)(n + PARCEL_COST));
	p->conn->again = true;
	struct parcel *q = queue_put(&p->work->queue, kind, n, w->loop.now, why);
	q->behind = p->work->behind;
	return q;
}

void pipe_queue_bytes(struct pipe *p, struct vn_span bytes, struct holds *why)
{
	if (bytes.n)
		memcpy(pipe_put(p, PARCEL_BYTES, bytes.n, why)->bytes, bytes.p, bytes.n);
}

void pipe_mark(struct pipe *p, struct exchange *x)
{
	pipe_run_flush(p);
	if (pipe_waits(p))
		pipe_put(p, PARCEL_MARK, 0, NULL)->exchange = x;
	else
		x->sent = p->conn->again = true;
}

/* If a rule holds the last bytes of the answer, it counts when they are sent; otherwise now. */
void pipe_answer(struct pipe *p, vn_nsec began)
{
	struct parcel *last = p->work->run_n ? NULL : p->work->queue.last;

	if (last && last->kind == PARCEL_BYTES && last->why && !last->began)
		last->began = began;
	else
		fine_note(&p->conn->shard->stats.answered, worker_of(p)->loop.now - began);
}

void pipe_end(struct pipe *p, enum vn_end end)
{
	pipe_put(p, PARCEL_END, 0, NULL)->end = end;
	p->conn->request.ended = p->conn->response.ended = true;
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

void pipe_change(struct pipe *p, const struct plan *plan)
{
	bool let_go = queue_remove_rules(&p->work->queue, plan) |
	              holds_remove(p->work->now.holds, plan);

	holds_remove(p->work->sequel.holds, plan);
	if (p->work != &no_work && (let_go || !p->work->queue.first)) {
		p->work->line_free = p->work->queue.first ? worker_of(p)->loop.now : 0;
		p->work->slot = 0;
	}
	if (p->raw && p->work->now.open && !p->work->now.end)
		message_forget(&p->work->now);  /* the next piece of the turn meets the new rules */
}

bool pipe_waits(const struct pipe *p)
{
	return p->work->queue.first || p->work->splice_pipe || side_stuck(pipe_to(p));
}

bool pipe_due(const struct pipe *p)
{
	return pipe_to(p)->open &&
	       (p->work->splice_pipe || side_stuck(pipe_to(p)) ||
	        (p->work->queue.first &&
	         p->work->queue.first->due <= worker_of(p)->loop.now));
}

bool pipe_stuck(const struct pipe *p)
{
	return (p->work->queue.first && p->work->queue.first->due == VN_NEVER) ||
	       p->conn->ruled->stalled;
}

bool pipe_idle(const struct pipe *p)
{
	return !pipe_waits(p) && !p->work->unparsed_n && !p->work->now.open && !p->eof &&
	       !p->ended && !p->conn->ruled->stalled;
}

ssize_t pipe_send_now(struct pipe *p, const struct iovec *v, unsigned n)
{
	ssize_t sent = transport_write(p, v, n);

	if (sent < 0)
		pipe_send_failed(p, errno);
	return sent;
}

void pipe_send_failed(struct pipe *p, int error)
{
	struct side *to = pipe_to(p);

	to->writable = false;
	if (error == EAGAIN || error == EINTR)
		return;
	to->broken = true;      /* what it has sent before is still read */
	to->readable = true;
	p->conn->again = true;
}

void pipe_sent(struct pipe *p, size_t n)
{
	p->sent += n;
	stats_add(&p->conn->shard->stats,
	          p->direction == VN_REQUEST ? STAT_SENT_REQUEST : STAT_SENT_RESPONSE, n);
}

void pipe_drop_spliced(struct pipe *p)
{
	if (!p->work->splice_pipe)
		return;
	splice_pipe_give(&worker_of(p)->splice_pipes, p->work->splice_pipe);
	p->work->splice_pipe = NULL;
}
