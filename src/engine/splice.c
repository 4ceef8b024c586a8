/* splice.c - splicing of bulk: bytes that no rule and no parser needs stay in the kernel.
 *
 * A direction is spliced after two big reads, while its bytes belong to a calm turn, or to a calm
 * message of which much is still to come. Bytes in the splice pipe go before all of the queue.
 * They were judged when they were read, so a change of rules does not concern them. */
#include "engine/splice.h"

#include <errno.h>

#include "engine/conn_exchange.h"
#include "engine/piece.h"
#include "engine/pipe.h"
#include "engine/transport.h"
#include "net/congestion.h"

enum {
	BULK = 2,                       /* big reads before bytes are spliced ... */
	SPLICED = 3,                    /* ... and that they were */
	PACED_FROM = 16384,             /* bytes of a read after which the receiver is not paced */
	HEAD = 4096,                    /* bytes of a read that looks for the head of bulk */
};

/* A read of at least w->bulk bytes is big; one that fills the buffer is enough. Smaller ones cost
 * no more than a splice. */
void splice_note(struct pipe *p, size_t n)
{
	struct worker *w = worker_of(p);

	if (n >= PACED_FROM && w->reno && !pipe_to(p)->unpaced && pipe_to(p)->open) {
		pipe_to(p)->unpaced = true;
		congestion_reno(pipe_to(p)->watch.fd);
	}
	if (!w->bulk || n < w->bulk)
		p->bulk = 0;
	else if (p->bulk < BULK)
		p->bulk += n == w->bufsize ? BULK - p->bulk : 1;
}

/* When bulk was spliced, what comes next probably has a big body, too. So little more than its head
 * is read, and the body is spliced. A parser that needs more gets eight times as much. */
size_t splice_head(const struct pipe *p)
{
	size_t n = p->work->unparsed_n, most = 8 * n > HEAD ? 8 * n : HEAD;

	if (p->bulk < SPLICED || p->raw || p->work->now.body || n >= UNPARSED_MAX ||
	    pipe_from(p)->tls || pipe_to(p)->tls)
		return worker_of(p)->bufsize;
	if (most > UNPARSED_MAX)
		most = UNPARSED_MAX;
	return most - n < worker_of(p)->bufsize ? most - n : worker_of(p)->bufsize;
}

void splice_headed(struct pipe *p, size_t n)
{
	if (p->work->now.body < worker_of(p)->bulk && p->work->unparsed_n < n)
		p->bulk = 0;
}

/* True if the rest of the message under way passes unchanged. */
static bool message_calm(const struct pipe *p)
{
	const struct current *m = &p->work->now;

	return !m->gone && !m->holds && m->keep == UINT64_MAX && !m->dirt.junk && !m->dirt.flips &&
	       m->end == VN_STAY;
}

/* The same without messages: the open turn is calm, or the next one begins without any rule. */
static bool turn_calm(const struct pipe *p)
{
	const struct conn *c = p->conn;
	const struct exchange *x = c->exchanges.first;

	if (raw_turn_continues(c, p->direction))
		return message_calm(p);
	return !c->plan->n && (!x || (!exchange_needs_us(x) && !x->late));
}

bool splice_takes(struct pipe *p)
{
	struct worker *w = worker_of(p);

	if (p->bulk < BULK || pipe_from(p)->tls || pipe_to(p)->tls)
		return false;
	if (p->work->queue.first || p->work->unparsed_n || pipe_asks(p))
		return false;
	if (p->raw ? p->work->now.body || !turn_calm(p) :
	             !p->work->now.open || p->work->now.body < w->bulk || !message_calm(p))
		return false;
	pipe_work_acquire(p);
	p->work->splice_pipe = splice_pipe_take(&w->splice_pipes, w->loop.now);
	return p->work->splice_pipe;
}

ssize_t splice_fill(struct pipe *p)
{
	struct worker *w = worker_of(p);
	size_t room = p->work->splice_pipe->room;
	size_t most = p->raw || p->work->now.body > room ? room : (size_t)p->work->now.body;
	ssize_t n = splice_pipe_fill(p->work->splice_pipe, pipe_from(p)->watch.fd, most);

	if (n < 0) {
		pipe_from(p)->readable = false;
		side_failed(pipe_from(p), errno);
	}
	if (n <= 0)
		pipe_drop_spliced(p);
	else
		p->bulk = (size_t)n < most && (size_t)n < w->bulk / 2 ? 0 : SPLICED;
	return n;
}

bool splice_flush(struct pipe *p)
{
	while (p->work->splice_pipe->n) {
		ssize_t n = splice_pipe_flush(&worker_of(p)->splice_pipes, p->work->splice_pipe,
		                              pipe_to(p)->watch.fd);
		if (n <= 0) {
			pipe_send_failed(p, n < 0 ? errno : EAGAIN);
			return false;
		}
		pipe_sent(p, (size_t)n);
		if (p->direction == VN_RESPONSE)
			raw_turn_sent(p->conn);
	}
	pipe_drop_spliced(p);
	p->conn->again = true;
	return true;
}
