/* pipe.h - writing half of a pipe, which is one direction of a connection.
 *
 *   pump.c: read, cut, judge -> run (calm bytes) -> socket
 *                            -> queue (the rest)  -> send.c -> socket
 *
 * Calm bytes go at once if nothing is before them. All else waits in the pipe's queue, which
 * send.c empties. Both directions are the same code. */
#ifndef ENGINE_PIPE_H
#define ENGINE_PIPE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "engine/engine.h"

void pipe_init(struct pipe *, struct conn *, enum vn_direction);

/* Frees all that it holds. Its `work` stays readable until pipe_work_release(). */
void pipe_free(struct pipe *);

/* Frees n bytes that were work->unparsed. Through TLS they may have part of a password: erased. */
void pipe_free_unparsed(const struct pipe *, uint8_t *bytes, size_t n);

/* Must be called before its `work` is written to. */
void pipe_work_acquire(struct pipe *);

/* Returns its `work` to the worker's pool, if it is not needed. */
void pipe_work_release(struct pipe *);
bool pipe_has_work(const struct pipe *);
void work_pool_free(struct work_pool *);

/* ---- adding to the end of the stream ---- */

void pipe_run_begin(struct pipe *, uint8_t *bytes, size_t n);

/* Sends or queues the run. Must be called before the worker's buffer is reused. */
void pipe_run_flush(struct pipe *);

/* Queues a parcel; the caller fills in its n bytes. Takes a reference to the holds. */
struct parcel *pipe_put(struct pipe *, enum parcel_kind, size_t n, struct holds *);
void pipe_queue_bytes(struct pipe *, struct vn_span, struct holds *);

/* Sets the exchange's `sent` when everything before has been sent. */
void pipe_mark(struct pipe *, struct exchange *);

/* Counts an exchange that began then as answered, when everything before has been sent. */
void pipe_answer(struct pipe *, vn_nsec began);

/* Ends the connection when everything before has been sent. Nothing more is read. */
void pipe_end(struct pipe *, enum vn_end);

/* Adds calm bytes of the worker's buffer to the run. */
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
	/* field by field: clearing it whole costs more than all the rest of a calm message */
	if (m->holds)
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
	if (!p->work->halted || p->shakes)
		return;
	p->work->halted = false;
	p->work->resumes = p->conn->again = true;
}

/* ---- the socket ---- */

/* Sends. -1: there is no room, or the socket is broken; the side's flags are set. */
ssize_t pipe_send_now(struct pipe *, const struct iovec *, unsigned n);

/* Sets the side's flags after a send failed with this errno. */
void pipe_send_failed(struct pipe *, int error);

/* Counts n bytes sent. */
void pipe_sent(struct pipe *, size_t n);

/* Gives back the splice pipe; bytes in it are lost. */
void pipe_drop_spliced(struct pipe *);

/* ---- state ---- */

bool pipe_waits(const struct pipe *);   /* bytes were read and not sent */
bool pipe_due(const struct pipe *);     /* bytes are due, but there is no room */
bool pipe_stuck(const struct pipe *);   /* bytes are held without a time limit */
bool pipe_idle(const struct pipe *);    /* between messages, and nothing waits */

/* Other rules: removes the holds of rules that went. Released bytes move at the next pump. */
void pipe_change(struct pipe *, const struct plan *);

#endif
