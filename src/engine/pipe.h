/* pipe.h - the writing half of one direction of a connection: what passes, waits, marks, ends.
 *
 * pump.c reads, cuts and judges; what it lets pass comes here, goes at once if nothing is before it, and
 * else waits in the pipe's queue, which send.c empties. Both directions are this one thing. */
#ifndef ENGINE_PIPE_H
#define ENGINE_PIPE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "engine/engine.h"

void pipe_init(struct pipe *, struct conn *, enum vn_direction);
void pipe_free(struct pipe *);          /* all that it holds; its `work` may still be looked at */

void pipe_work_acquire(struct pipe *);  /* before its `work` is written to */
void pipe_work_release(struct pipe *);  /* given back to the worker, if there is nothing in it */
bool pipe_has_work(const struct pipe *);
void work_pool_free(struct work_pool *);

/* ---- behind all that is in this direction's stream so far ---- */

void pipe_run_begin(struct pipe *, uint8_t *bytes, size_t n);
void pipe_run_flush(struct pipe *);     /* before the worker's buffer is used for something else */
struct parcel *pipe_put(struct pipe *, enum parcel_kind, size_t n, struct holds *);     /* n bytes to be filled in */
void pipe_queue_bytes(struct pipe *, struct vn_span, struct holds *);
void pipe_mark(struct pipe *, struct exchange *);       /* it is `sent` when all before has gone */
void pipe_answer(struct pipe *, vn_nsec began);         /* an exchange begun then is answered, when all before has gone */
void pipe_end(struct pipe *, enum vn_end);              /* the connection ends; nothing more is read of it */

/* Calm bytes of the worker's buffer: they travel together with those before them. */
static inline void pipe_run_extend(struct pipe *p, uint8_t *bytes, size_t n)
{
	if (p->work->run_n && p->work->run + p->work->run_n == bytes)
		p->work->run_n += n;
	else if (n)
		pipe_run_begin(p, bytes, n);
}

/* ---- the message under way ---- */

void pipe_open(struct pipe *, const struct vn_message *);       /* a message begins, calm so far */

static inline void message_forget(struct current *m)
{
	if (m->holds)             /* field by field: clearing it whole costs more than all the rest of a calm message */
		holds_unref(m->holds);
	m->holds = NULL;
	m->exchange = NULL;
	m->body = 0;
	m->open = m->last = m->gone = false;
	m->end = VN_STAY;
}

/* Something was answered: what waits for that is looked at again. */
static inline void pipe_wake(struct pipe *p)
{
	if (!p->work->halted)
		return;
	p->work->halted = false;
	p->work->resumes = p->conn->again = true;
}

/* ---- the socket ---- */

ssize_t pipe_send_now(struct pipe *, const struct iovec *, unsigned n); /* -1: no room, or broken: the side knows */
void pipe_send_failed(struct pipe *, int error);        /* the same, of an errno */
void pipe_sent(struct pipe *, size_t n);                /* so many bytes have gone */
void pipe_drop_spliced(struct pipe *);                  /* its splice pipe, and what is in it */

/* ---- asked of it ---- */

bool pipe_waits(const struct pipe *);   /* something has been read and not been sent */
bool pipe_due(const struct pipe *);     /* something is to be sent now, but there is no room */
bool pipe_stuck(const struct pipe *);   /* something waits here that no time will move */
bool pipe_idle(const struct pipe *);    /* between messages, and nothing waits */

/* Other rules: those that went let go; their bytes move at the next pump. */
void pipe_change(struct pipe *, const struct plan *);

#endif
