/* send.c - the far end of a pipe: what is due goes, at its pace, as far as there is room. */
#include "send.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "dialogue.h"
#include "proxy.h"
#include "worker.h"

enum { GATHER = 64 };                   /* parcels in one send */

static struct worker *worker_of(const struct pipe *p)
{
	return p->conn->proxy->worker;
}

ssize_t send_now(struct side *to, const struct iovec *v, unsigned n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)v, .msg_iovlen = n };
	ssize_t sent = sendmsg(to->watch.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return sent;
	to->writable = false;
	if (errno != EAGAIN && errno != EINTR) {
		to->broken = true;      /* but it may have said something before: that is read first */
		to->readable = true;
		to->conn->again = true;
	}
	return -1;
}

/* How much of a paced parcel may go now; 0: at *when. */
static size_t pace_allows(struct pipe *p, const struct parcel *q, const struct pace *pace, nsec now, nsec *when)
{
	nsec start = q->due > p->line_free ? q->due : p->line_free;
	size_t left = q->n - q->at, n = left;

	*when = start;
	if (pace->piece) {
		struct dice d = dice_at(&p->conn->proxy->junk, p->conn->number, p->sent, 256 | p->direction);
		n = pace->piece - pace->vary + dice_below(&d, 2 * (uint64_t)pace->vary + 1);
		n = n < left ? n ? n : 1 : left;
	} else if (pace->rate) {
		__int128 passed = (__int128)(now - start) * pace->rate / NSEC_S;
		size_t quantum = pace->rate / 1000 + 1;
		n = passed > (__int128)quantum ? passed < (__int128)left ? (size_t)passed : left : quantum < left ? quantum : left;
	}
	if (pace->rate)
		*when += (nsec)((__int128)n * NSEC_S / pace->rate);
	return *when <= now ? n : 0;
}

static void pace_sent(struct pipe *p, const struct pace *pace, size_t n, nsec start)
{
	p->line_free = start + (pace->rate ? (nsec)((__int128)n * NSEC_S / pace->rate) : 0) + pace->gap;
}

void send_count(struct pipe *p, size_t n)
{
	p->sent += n;
	stats_add(&p->conn->proxy->stats, p->direction == REQUEST ? STAT_SENT_REQUEST : STAT_SENT_RESPONSE, n);
}

static void parcel_sent(struct pipe *p, size_t n)
{
	send_count(p, n);
	p->queue.bytes -= n;
	worker_of(p)->held -= n;
	while (n) {
		struct parcel *q = p->queue.first;
		size_t m = q->n - q->at < n ? q->n - q->at : n;
		q->at += m;
		n -= m;
		if (q->at < q->n)
			break;
		if (q->began)
			histogram_note(&p->conn->proxy->stats.answered, worker_of(p)->loop.now - q->began);
		queue_pop(&p->queue);
	}
	if (p->direction == RESPONSE)
		dialogue_sent(p->conn);
	p->conn->again = true;
}

/* Send the first parcel at its pace. False: not now. */
static bool send_paced(struct pipe *p, const struct pace *pace)
{
	struct parcel *q = p->queue.first;
	struct loop *l = &worker_of(p)->loop;
	nsec when, start = q->due > p->line_free ? q->due : p->line_free;
	size_t n = pace_allows(p, q, pace, l->now, &when);

	if (!n) {
		timer_set(l, &p->timer, when);
		return false;
	}
	ssize_t sent = send_now(p->to, &(struct iovec){ q->bytes + q->at, n }, 1);
	if (sent < 0)
		return false;
	pace_sent(p, pace, (size_t)sent, start);
	parcel_sent(p, (size_t)sent);
	return true;
}

/* Send all unpaced parcels of bytes that are due, together. False: no room. */
static bool send_gathered(struct pipe *p, nsec now)
{
	struct iovec v[GATHER] = { 0 };
	unsigned n = 0;
	size_t bytes = 0;

	for (struct parcel *q = p->queue.first; q && n < GATHER && q->kind == PARCEL_BYTES && q->due <= now; q = q->next) {
		struct pace pace = lot_pace(q->why);
		if (pace.rate || pace.piece)
			break;
		v[n++] = (struct iovec){ q->bytes + q->at, q->n - q->at };
		bytes += q->n - q->at;
	}
	ssize_t sent = send_now(p->to, v, n);
	if (sent < 0)
		return false;
	if ((size_t)sent < bytes)
		p->to->writable = false;
	parcel_sent(p, (size_t)sent);
	return true;
}

static void pipe_shut(struct pipe *p)
{
	p->shut = true;
	shutdown(p->to->watch.fd, SHUT_WR);
	if (p->conn->request.shut && p->conn->response.shut)
		conn_end(p->conn, CLOSE, WHY_BOTH);
}

/* The first parcel, which is due. False: it has to wait. */
static bool send_first(struct pipe *p, nsec now)
{
	struct parcel *q = p->queue.first;

	switch (q->kind) {
	case PARCEL_MARK:
		q->exchange->sent = true;
		p->conn->again = true;
		break;
	case PARCEL_FIN:
		pipe_shut(p);
		if (p->conn->dead)
			return false;
		break;
	case PARCEL_END:
		conn_obey(p->conn, q->end);
		return false;
	default: {
		struct pace pace = lot_pace(q->why);
		if (!p->to->writable)
			return false;
		return pace.rate || pace.piece ? send_paced(p, &pace) : send_gathered(p, now);
	}
	}
	queue_pop(&p->queue);
	return true;
}

void send_due(struct pipe *p)
{
	struct loop *l = &worker_of(p)->loop;

	if (!p->queue.first)
		timer_stop(l, &p->timer);
	while (p->queue.first && p->to->open && !p->to->broken && !(p->conn->vanished && p->direction == RESPONSE)) {
		if (p->queue.first->due > l->now) {
			timer_set(l, &p->timer, p->queue.first->due);
			return;
		}
		if (!send_first(p, l->now) || p->conn->dead)
			return;
	}
}
