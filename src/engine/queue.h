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
		/* BYTES: an exchange that is answered when they have gone; 0: none */
		vn_nsec began;
	};
	enum vn_end end;                   /* END */
	uint8_t kind;
	/* BYTES: they waited with the sender before they were read */
	bool behind;
	size_t at, n;                   /* bytes[at..n) are still to go */
	uint8_t bytes[];
};

/* what one takes beside its bytes, with its lot: many small ones would be beyond all bounds */
enum { PARCEL_COST = 160 };

struct queue { struct parcel *first, *last; size_t bytes, parcels; };

static inline size_t queue_cost(const struct queue *q)
{
	return q->bytes + q->parcels * PARCEL_COST;
}

/* both together; either may be NULL; NULL: calm */
struct holds *holds_make(const struct holds *, const struct judgement *);
struct holds *holds_ref(struct holds *);                                     /* NULL stays NULL */
void holds_unref(struct holds *);
/* the sum of its holds; VN_NEVER absorbs */
vn_nsec holds_total(const struct holds *);
struct vn_pace holds_pace(const struct holds *);
/* take back the shares of rules that went; true: some were */
bool holds_remove(struct holds *, const struct plan *);

/* n bytes to be filled in; a reference to the lot is taken */
struct parcel *queue_put(struct queue *, enum parcel_kind, size_t n, vn_nsec came, struct holds *);
void queue_pop(struct queue *);
/* holds_remove for all, and what is due anew */
bool queue_remove_rules(struct queue *, const struct plan *);
void queue_clear(struct queue *);

#endif
