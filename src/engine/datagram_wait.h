/* datagram_wait.h - datagrams that wait: for their time, for the bandwidth, or for others. */
#ifndef ENGINE_DATAGRAM_WAIT_H
#define ENGINE_DATAGRAM_WAIT_H

#include "engine/datagram.h"

/* What is to be known of a datagram that may have to wait. */
struct leaving {
	struct holds *why;              /* NULL: nothing holds it */
	vn_nsec came;
	unsigned copies;                /* so many more are sent */
	bool answers;                   /* it answers an exchange that ... */
	vn_nsec began;                  /* ... began then, and that ... */
	struct trace *trace;            /* ... has this one, which belongs to it now; NULL: none */
};

/* Sends the bytes when their time comes, a copy of them if that is not now. */
void datagram_leave(struct flow *, enum vn_direction, struct vn_span, const struct leaving *);

/* The rules are those of this plan now: what others held has its time computed anew. */
void waiting_change(struct flow *, const struct plan *);

/* The flow has its backend now. */
void waiting_connected(struct flow *);

/* Drops all, and counts them under this reason; DATAGRAM_LOSSES: under none. */
void waiting_drop(struct flow *, enum datagram_loss);

/* The rule that holds the first one, and how long; NULL: none does. */
const struct rule_spec *waiting_holder(const struct flow *, vn_nsec *left);

#endif
