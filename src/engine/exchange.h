/* exchange.h - queue of a connection's open exchanges, the oldest first.
 *
 *   first -> [ 7 ] -> [ 8 to 12, calm and alike ] -> [ 13 ] <- last
 *
 * An entry is an exchange, or several calm neighbours that are alike. The connection owns the
 * entries; their memory is the worker's pool. */
#ifndef ENGINE_EXCHANGE_H
#define ENGINE_EXCHANGE_H

#include "engine/queue.h"
#include "base/pool.h"

/* Open entries of a connection. With more, it goes raw. */
enum { EXCHANGES_MAX = 65536 };

struct exchange {
	struct exchange *next;
	uint64_t number;                /* 0: the greeting; undecided: that of the next one */
	uint32_t count;                 /* exchanges in this entry */
	vn_nsec began, last;            /* when the first and the last of them began */
	struct vn_message asked;        /* without its subject */
	struct rule_flags flags;
	ruleset fresh;                  /* newer rules, which it meets when its response begins */
	const struct vn_failure *failure;       /* it is refused with this; NULL: it is not */
	uint64_t struck_by;             /* id of the rule whose failure is asked.struck */
	enum vn_end end;                /* of the connection, in this exchange's turn */
	struct holds *late;             /* holds of an unsolicited response */
	struct trace *trace;            /* for its event; NULL: nobody wants it */
	uint8_t discard_replies;        /* answers to its substitute still to come */
	bool dropped;                   /* its request was dropped: it gets no answer */
	bool no_reply;                  /* its request gets no answer by its nature */
	bool sequel;                    /* decided early: no byte of it has come */
	bool sent;                      /* its request has been sent, if exchange_needs_us() */
};

/* The open exchange of a stream without messages and without rules. */
struct turn {
	vn_nsec began, last;            /* when it began; when its latest byte came or left */
};
enum turn_kind { NO_TURN, ASKED, PUSHED };      /* ASKED by the client, PUSHED by the backend */

struct exchanges { struct exchange *first, *last; unsigned entries; };

/* Adds an exchange, to the last entry if both are calm and alike. Returns its entry. */
struct exchange *exchange_push(struct exchanges *, struct pool *, uint64_t number,
                               const struct vn_message *asked, const struct rule_flags *,
                               vn_nsec now);

/* The same, always as an entry of its own. */
struct exchange *exchange_add(struct exchanges *, struct pool *, uint64_t number,
                              const struct vn_message *asked, const struct rule_flags *,
                              vn_nsec now);

/* The oldest that this response answers, as the protocol's answers() has it; NULL: none. */
struct exchange *exchange_of_answer(const struct exchanges *, struct vn_session *,
                                    struct vn_span response);

/* Makes this one the first: its answer comes before those of older ones. */
void exchange_advance(struct exchanges *, struct exchange *);

/* Removes this one, which is an entry of its own, wherever it is. */
void exchange_remove(struct exchanges *, struct exchange *);

/* Removes the oldest. In an entry of several, the next one's begin is interpolated. */
void exchange_pop(struct exchanges *);

/* Gives the oldest an entry of its own, and returns it. There must be one. */
struct exchange *exchange_split(struct exchanges *, struct pool *);
void exchange_clear(struct exchanges *);

/* True if it does not just wait for the backend's answer: we reply, drop it or end. */
static inline bool exchange_needs_us(const struct exchange *x)
{
	return x->failure || x->end || x->dropped || x->no_reply;
}

#endif
