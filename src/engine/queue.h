/* queue.h - queue of a pipe: parcels that wait for their time, for room, or for their turn.
 *
 *   queue:  first -> parcel -> parcel -> last       in the order of the stream; `due` never falls
 *
 * A parcel has bytes, or something that happens between bytes. Its holds are kept rule by rule. So
 * a rule that is removed takes back its own share and no other. A queue belongs to its pipe. */
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include "rules/plan.h"

struct exchange;
struct trace;

/* Counted. The delays and paces of one message, by rule. */
struct holds {
	unsigned refs;
	unsigned n;
	struct hold by[];
};

enum parcel_kind {
	PARCEL_BYTES,
	PARCEL_MARK,                    /* an exchange's request has been sent */
	PARCEL_FIN,                     /* end of the stream */
	PARCEL_END,                     /* a rule or a failure ends the connection here */
	PARCEL_TLS,                     /* the side's handshake begins here */
};

struct parcel {
	struct parcel *next;
	vn_nsec came, due;              /* when it was read, when it may be sent */
	struct holds *why;              /* NULL: calm */
	union {
		struct exchange *exchange;      /* MARK */
		vn_nsec began;          /* BYTES: when the exchange they answer began; or 0 */
	};
	struct trace *trace;            /* BYTES: of the exchange that they answer; NULL: none */
	enum vn_end end;                /* END */
	uint8_t kind;                   /* enum parcel_kind */
	bool behind;                    /* BYTES: they waited in the socket before they were read */
	bool secret;                    /* BYTES: erased with the parcel */
	size_t at, n;                   /* bytes[at..n) are still to be sent */
	uint8_t bytes[];
};

/* Bytes that a parcel counts in addition to its own, so that many small ones are bounded, too. */
enum { PARCEL_COST = 160 };

struct queue { struct parcel *first, *last; size_t bytes, parcels; };

static inline size_t queue_cost(const struct queue *q)
{
	return q->bytes + q->parcels * PARCEL_COST;
}

/* Joins both; either may be NULL. The caller has the first reference. NULL: calm. */
struct holds *holds_make(const struct holds *, const struct judgement *);
struct holds *holds_ref(struct holds *);        /* NULL stays NULL */
void holds_unref(struct holds *);               /* NULL is allowed */

/* The sum of the delays in ns. If one is VN_NEVER, the sum is. */
vn_nsec holds_total(const struct holds *);
struct vn_pace holds_pace(const struct holds *);

/* Removes the shares of rules that are not in the plan. True: there were some. */
bool holds_remove(struct holds *, const struct plan *);

/* Adds a parcel; the caller fills in its n bytes. Takes a reference to the holds. */
struct parcel *queue_put(struct queue *, enum parcel_kind, size_t n, vn_nsec came, struct holds *);
void queue_pop(struct queue *);

/* The parcels behind this one, NULL for all, are secret. */
void queue_hide(struct queue *, struct parcel *behind);

/* holds_remove() for all parcels; their due times are computed anew. */
bool queue_remove_rules(struct queue *, const struct plan *);
void queue_clear(struct queue *);

#endif
