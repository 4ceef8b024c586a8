/* exchange.h - who asked what, and what is owed: a connection's open exchanges, oldest first. */
#ifndef ENGINE_EXCHANGE_H
#define ENGINE_EXCHANGE_H

#include "engine/queue.h"
#include "base/pool.h"

enum { EXCHANGES_MAX = 65536 };         /* open entries of one connection; beyond, it goes raw */

struct exchange {
	struct exchange *next;
	uint64_t number;                /* 0: the greeting; an undecided one has its successor's */
	uint32_t count;                 /* so many calm neighbours in this entry, itself included */
	vn_nsec began, last;               /* when it was asked; when the last of its neighbours was (of a turn: answered). Those between count as spread evenly */
	struct vn_message asked;           /* without its subject */
	struct rule_flags flags;
	ruleset fresh;                  /* rules that came after it was asked: it meets them on its response */
	const struct vn_failure *failure;  /* refused: to be worded in turn */
	enum vn_end end;                   /* the connection ends when it is this one's turn */
	struct holds *late;               /* of a response that nobody requested: time it owes */
	uint8_t discard_replies;                /* answers to its substitute, not to be passed on */
	bool dropped;                   /* its request vanished: nothing will answer */
	bool no_reply;                      /* nor will anything answer this */
	bool sequel;                    /* no byte of it has come yet: it was decided with the request before it */
	bool sent;                      /* of those that do not just wait: its request has gone, as far as it goes */
};

/* A stream without messages and without rules needs to know no more of the one that is open. */
struct turn {
	vn_nsec began, last;               /* as an exchange's */
};
enum turn_kind { NO_TURN, ASKED, PUSHED };              /* opened by the client, or by a backend that was not asked */

struct exchanges { struct exchange *first, *last; unsigned entries; };

/* A new youngest. Joined to the last entry where both are calm and alike; else an entry of its own. */
struct exchange *exchange_push(struct exchanges *, struct pool *, uint64_t number, const struct vn_message *asked, const struct rule_flags *, vn_nsec now);
void exchange_pop(struct exchanges *);  /* the oldest is done with */
struct exchange *exchange_split(struct exchanges *, struct pool *);    /* the oldest, alone in its entry */
void exchange_clear(struct exchanges *);

static inline bool exchange_needs_us(const struct exchange *x)     /* not just waiting for its answer */
{
	return x->failure || x->end || x->dropped || x->no_reply;
}

#endif
