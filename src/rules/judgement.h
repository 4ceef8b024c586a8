/* judgement.h - questions to the rules and their folded answers, shared by plan, connection, queue.
 *
 * Plain values, on the stack of the engine's functions, except struct rule_state: a connection owns
 * one per rule. */
#ifndef RULES_JUDGEMENT_H
#define RULES_JUDGEMENT_H

#include <stddef.h>

#include "spec/rule.h"
#include "spec/spec.h"
#include "tls/strike.h"
#include "vaurien.h"

typedef uint64_t ruleset;               /* a bit per rule, in the plan's order; at most RULES_MAX */

enum { MOMENTS = 9 };                   /* bits of enum vn_moment */

/* The moments that belong to an exchange. */
enum { IN_EXCHANGES = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA };

/* Of an exchange or a whole connection: the rules that are in, that have counted it, that have
 * struck it. */
struct rule_flags { ruleset in, counted, struck; };

/* A rule's state for one connection. */
struct rule_state {
	uint64_t passed[2];             /* bytes judged at VN_ON_DATA, by direction */
	vn_nsec due; enum vn_end end;   /* its end by the clock; due 0: none is set */
	max_align_t state[];            /* the behavior's */
};

/* One rule's share of a judgement, by the rule's id. `line`: connections share its pace, see
 * struct rule_counters. */
struct hold {
	uint64_t rule;
	vn_nsec hold;
	struct vn_pace pace;
	_Atomic vn_nsec *line;
	/* of datagrams: see struct vn_verdict */
	struct vn_behind behind;
	bool in_order;
	size_t queue;
};

/* An end by the clock of the rule with this index. `anew`: a running clock starts again. */
struct clock { unsigned rule; enum vn_end end; vn_nsec after; bool anew; };

/* A rule's share of the time that a handshake is late. */
struct tls_late { uint64_t rule; vn_nsec hold; };

/* The verdicts of all rules. */
struct judgement {
	struct vn_verdict v;            /* folded */
	const struct vn_failure *failure;       /* if v.fate is VN_REPLY */
	uint64_t end_rule;              /* the id of the rule that returned v.end ... */
	uint64_t failure_rule;          /* ... of the one whose failure it is */
	unsigned n, n_clocks;           /* entries of `by`, of `clocks` */
	struct hold by[RULES_MAX];      /* rules that hold or pace */
	struct clock clocks[RULES_MAX]; /* not in v, except those of VN_ON_REST */
	/* folded, at VN_ON_HELLO and VN_ON_OPEN: v.tls points to it, or is NULL; and the id of the
	 * rule whose it is, by enum tls_part */
	struct vn_tls tls;
	uint64_t tls_rule[TLS_PARTS];
	unsigned n_late;
	struct tls_late late[RULES_MAX];
};

/* The arguments of plan_judge() and plan_decide(). */
struct question {
	enum vn_moment moment;
	enum vn_direction direction;
	const struct vn_message *msg;   /* NULL: none */
	uint64_t connection, exchange;
	struct rule_flags *whole;       /* the connection's */
	struct rule_flags *flags;       /* the exchange's; NULL: about the connection */
	struct rule_state **states;     /* the connection's, one per rule; made when needed */
	uint8_t *data; size_t len;
	/* VN_ON_DATA: of `data` in its stream: draws depend on it */
	uint64_t offset;
	struct vn_session *session;     /* for the protocol's fits(); NULL where it has none */
	bool datagram;                  /* `data` is a whole one; the direction is as for these */
	bool words;                     /* the protocol can refuse ... */
	bool raw;                       /* ... but this connection is not understood */
	bool interim;                   /* `data` is no part of an answer */
	/* what would be the verdict: nothing is counted or reported */
	bool rehearsal;
	unsigned idle;                  /* VN_ON_REST: VN_IS_..., of what the connection rests in */
	/* plan_judge: these are not asked, whether they are in or not */
	ruleset spared;
	bool refusals;                  /* plan_judge: no other verdict counts, or is carried out */
	/* plan_decide: as before, of rules whose options have changed: nothing is counted */
	bool again;
	const struct vn_hello *hello;   /* VN_ON_HELLO */
	vn_nsec now;
};

#endif
