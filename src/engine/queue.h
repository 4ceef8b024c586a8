/* queue.h - bytes that wait: for their time, for room, or for their turn.
 *
 *   queue:  first -> parcel -> parcel -> last       in the order of the stream; `due` never falls
 *
 * A parcel keeps bytes, or one of the things that must happen between bytes. Why it is late is kept
 * rule by rule in its lot, so that a rule that goes can take back its own share and no other's. */
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include "engine/plan.h"

struct exchange;

struct holds {                            /* how a message fares in time, and by whom */
	unsigned refs;
	unsigned n;
	struct hold by[];
};

enum parcel_kind {
	PARCEL_BYTES,
	PARCEL_MARK,                    /* an exchange's request has gone */
	PARCEL_FIN,                     /* end of the stream */
	PARCEL_END,                     /* the connection ends here, as a rule or a failure says */
};

struct parcel {
	struct parcel *next;
	vn_nsec came, due;                 /* read; to be sent */
	struct holds *why;                /* NULL: calm */
	union {
		struct exchange *exchange;      /* MARK */
		vn_nsec began;             /* BYTES: an exchange that is answered when they have gone; 0: none */
	};
	enum vn_end end;                   /* END */
	uint8_t kind;
	bool behind;                    /* BYTES: they waited with the sender before they were read */
	size_t at, n;                   /* bytes[at..n) are still to go */
	uint8_t bytes[];
};

enum { PARCEL_COST = 160 };             /* what one takes beside its bytes, with its lot: many small ones would be beyond all bounds */

struct queue { struct parcel *first, *last; size_t bytes, parcels; };

static inline size_t queue_cost(const struct queue *q)
{
	return q->bytes + q->parcels * PARCEL_COST;
}

struct holds *holds_make(const struct holds *, const struct judgement *);     /* both together; either may be NULL; NULL: calm */
struct holds *holds_ref(struct holds *);                                     /* NULL stays NULL */
void holds_unref(struct holds *);
vn_nsec holds_total(const struct holds *);                                      /* the sum of its holds; VN_NEVER absorbs */
struct vn_pace holds_pace(const struct holds *);
bool holds_remove(struct holds *, const struct plan *);                      /* take back the shares of rules that went; true: some were */

struct parcel *queue_put(struct queue *, enum parcel_kind, size_t n, vn_nsec came, struct holds *);  /* n bytes to be filled in; a reference to the lot is taken */
void queue_pop(struct queue *);
bool queue_remove_rules(struct queue *, const struct plan *);                  /* holds_remove for all, and what is due anew */
void queue_clear(struct queue *);

#endif
