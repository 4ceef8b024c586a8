/* judgement.h - what rules are asked, and what they answer: data that a plan, a connection and a queue share. */
#ifndef ENGINE_JUDGEMENT_H
#define ENGINE_JUDGEMENT_H

#include <stddef.h>

#include "spec/rule.h"
#include "spec/spec.h"
#include "vaurien.h"

typedef uint64_t ruleset;               /* of at most RULES_MAX rules, a bit each in the plan's order */

enum { MOMENTS = 8 };                   /* bits of enum vn_moment */
enum { IN_EXCHANGES = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA };    /* those that belong to an exchange */

/* Of an exchange, or of a whole connection: which rules are in, which have counted it, which have struck it. */
struct rule_flags { ruleset in, counted, struck; };

struct rule_state {                     /* what a rule keeps for one connection */
	uint64_t passed[2];
	vn_nsec due; enum vn_end end;   /* its end by the clock; due 0: none is set */
	max_align_t state[];            /* the behavior's */
};

/* One rule's part in a verdict, by the rule's id. `line`: its pace is shared, see struct rule_counters. */
struct hold { uint64_t rule; vn_nsec hold; struct vn_pace pace; _Atomic vn_nsec *line; };

/* An end by the clock, of the rule with this index. `anew`: a clock that runs is set again. */
struct clock { unsigned rule; enum vn_end end; vn_nsec after; bool anew; };

struct judgement {                      /* what all rules together answer */
	struct vn_verdict v;            /* folded */
	const struct vn_failure *failure;       /* of v.fate VN_REPLY */
	uint64_t end_rule;              /* whose v.end it is */
	unsigned n, n_clocks;
	struct hold by[RULES_MAX];      /* the rules that hold and pace */
	struct clock clocks[RULES_MAX]; /* ends by the clock: not in v, but for those of VN_ON_REST */
};

struct question {                       /* what plan_judge is asked */
	enum vn_moment moment;
	enum vn_direction direction;
	const struct vn_message *msg;   /* NULL: none */
	uint64_t connection, exchange;
	struct rule_flags *whole;       /* the connection's */
	struct rule_flags *flags;       /* the exchange's; NULL: a matter of the whole connection */
	struct rule_state **states;     /* the connection's, one per rule, made when needed */
	uint8_t *data; size_t len;
	uint64_t offset;                /* VN_ON_DATA: of `data` in its stream: draws depend on it */
	struct vn_session *session;     /* for the protocol's fits(); NULL where it has none */
	bool words;                     /* the protocol can refuse ... */
	bool raw;                       /* ... but this connection is not understood */
	bool interim;                   /* `data` is no part of an answer */
	bool rehearsal;                 /* what would be the verdict: nothing is counted or reported */
	unsigned idle;                  /* VN_ON_REST: VN_IS_..., of what the connection rests in */
	ruleset spared;                 /* plan_judge: these are not asked, whether they are in or not */
	bool again;                     /* plan_decide: as before, of rules whose options have changed: nothing is counted */
	vn_nsec now;
};

#endif
