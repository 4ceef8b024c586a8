/* piece.h - pieces of a message: rules change, hold or cut them. */
#ifndef ENGINE_PIECE_H
#define ENGINE_PIECE_H

#include "engine/pipe.h"

/* Passes on a piece that a rule may change or hold. */
void piece_apply(struct pipe *, uint8_t *bytes, size_t n);

/* Counts n bytes that were spliced. */
void piece_skip(struct pipe *, size_t n);

/* True if a rule wants VN_ON_DATA of the message under way. */
bool pipe_asks(const struct pipe *);

/* Adds a message of our own at the end of the stream. Rules see its bytes like any others. */
void pipe_insert(struct pipe *, struct vn_span bytes, struct exchange *, struct holds *);

/* Passes on the next piece of the message under way. */
static inline void piece_pass(struct pipe *p, uint8_t *bytes, size_t n)
{
	const struct current *m = &p->work->now;

	if (m->gone || m->holds || m->keep != UINT64_MAX || m->dirt.junk || m->dirt.flips ||
	    p->conn->plan->moments & VN_ON_DATA)
		piece_apply(p, bytes, n);
	else
		pipe_run_extend(p, bytes, n);
}

#endif
