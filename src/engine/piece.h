/* piece.h - a piece of a message, and what the rules do to it. */
#ifndef ENGINE_PIECE_H
#define ENGINE_PIECE_H

#include "engine/pipe.h"

void piece_apply(struct pipe *, uint8_t *bytes, size_t n);      /* a piece that a rule may change or hold */
void piece_skip(struct pipe *, size_t n);       /* bytes that pass unseen: only counted */
bool pipe_asks(const struct pipe *);    /* some rule wants to see each piece of the message under way */

/* A message of ours, behind all that is in the stream so far: the rules are asked of its bytes as of all others. */
void pipe_insert(struct pipe *, struct vn_span bytes, struct exchange *, struct holds *);

/* The next piece of the message under way. */
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
