/* plan.h - a proxy's rules worked out: who is meant, what the dice say, who counts, how verdicts add up.
 *
 * A plan is one worker's own, built from a spec's words; what it says never changes, a change is a
 * new plan. Only the tallies are shared between workers. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include <stddef.h>

#include "base/dice.h"
#include "spec/spec.h"
#include "vaurien.h"

typedef uint64_t ruleset;               /* of at most RULES_MAX */

enum { MOMENTS = 8 };                   /* bits of enum vn_moment */
enum { IN_EXCHANGES = VN_ON_REQUEST | VN_ON_RESPONSE | VN_ON_DATA };     /* those that belong to an exchange */

struct misses {                         /* messages that a rule does not strike, as long as it strikes none */
	uint64_t n;
	vn_nsec since;                     /* of the first */
	char nearest[96];               /* of them, masked; all but the case of its letters is right: */
	bool near;
	bool over;                      /* told, or there is nothing to tell */
};

struct rule {
	const struct rule_spec *spec;
	const struct vn_behavior *behavior;
	struct vn_dice dice;               /* its own draws */
	struct vn_dice draw;               /* the one that decides: shared by rules of one name */
	struct regex *match;          /* NULL: all */
	struct misses unfound, unfit, spared;   /* messages that its match did not find; that its failure does not fit; that it was in for */
	vn_nsec said;                      /* when a strike was last a line in the log */
	uint64_t unsaid;                /* strikes since */
	bool said_unreachable;
};

struct plan {
	unsigned refs;
	struct spec *spec;              /* a reference is held */
	unsigned moments;               /* of all its rules together */
	ruleset per_connection;         /* decided once per connection; the others once per exchange */
	ruleset certain;                /* no odds and no match: they strike whatever they are asked about */
	ruleset picky;                  /* with a match */
	bool by_client;                 /* some mean certain clients only */
	ruleset on[MOMENTS];                  /* by moment (bit number) */
	unsigned n;
	struct rule rules[];
};

struct plan *plan_make(struct spec *, uint64_t seed);
struct plan *plan_ref(struct plan *);
void plan_unref(struct plan *);
ruleset plan_on(const struct plan *, unsigned moments); /* the rules that want any of these moments */
int  plan_find(const struct plan *, uint64_t id);       /* the rule of that id, -1: not (any more) there */
int  plan_heir(const struct plan *, const struct rule_spec *);  /* this rule, with whatever options; -1: it is not there */

static inline ruleset plan_all(const struct plan *p)
{
	return (p->n < RULES_MAX ? (ruleset)1 << p->n : 0) - 1;
}

/* Where an exchange, or a whole connection, stands with the rules. */
struct rule_flags { ruleset in, counted, struck; };

/* What a rule keeps for one connection. */
struct rule_state {
	uint64_t passed[2];
	vn_nsec due; enum vn_end end;         /* its end by the clock; due 0: none is set */
	max_align_t state[];            /* the behavior's */
};

void rule_state_free(const struct rule *, struct rule_state *);         /* NULL: there is none */

/* One rule's part in a verdict, by rule id. `line`: its pace is shared, see struct rule_counters */
struct hold { uint64_t rule; vn_nsec hold; struct vn_pace pace; _Atomic vn_nsec *line; };

struct clock { unsigned rule; enum vn_end end; vn_nsec after; bool anew; };   /* an end by the clock, of the plan's so manyth rule */

struct judgement {                      /* what all rules together say */
	struct vn_verdict v;               /* folded */
	const struct vn_failure *failure;  /* of v.fate VN_REPLY */
	uint64_t end_rule;              /* whose v.end it is */
	unsigned n, n_clocks;
	struct hold by[RULES_MAX];     /* who holds and paces */
	struct clock clocks[RULES_MAX]; /* ends by the clock, which are not in v (but those of VN_ON_REST are) */
};

struct question {                       /* what plan_judge is asked */
	enum vn_moment moment;
	enum vn_direction direction;
	const struct vn_message *msg;      /* NULL: none */
	uint64_t connection, exchange;
	struct rule_flags *whole;            /* the connection's */
	struct rule_flags *flags;            /* the exchange's; NULL: a matter of the whole connection */
	struct rule_state **states;     /* the connection's, one per rule, made when needed */
	uint8_t *data; size_t len;
	uint64_t offset;                /* VN_ON_DATA: of `data` in its stream: draws go by it */
	struct vn_session *session;              /* for the protocol's fits(); NULL where it has none */
	bool words;                     /* the protocol can refuse ... */
	bool raw;                       /* ... but this connection is not understood */
	bool rehearsal;                 /* what would be said: nothing is counted, nobody is told */
	unsigned idle;                  /* VN_ON_REST: IS_..., of what the connection rests in */
	bool again;                     /* plan_decide: the same as before, of rules whose options have changed: nothing is counted */
	vn_nsec now;
};

/* Who is in for this exchange, among these rules: whose match finds q->msg (none does where it is NULL), and whom
 * the dice send. Of q only moment (0: the exchange itself is decided), connection, exchange, msg, raw and now matter. */
ruleset plan_decide(struct plan *, ruleset among, const struct question *);

/* An exchange that was decided before it came will not come: it was not seen, nor counted, nor struck. */
void plan_take_back(const struct plan *, const struct rule_flags *, uint64_t connection, uint64_t exchange);

/* What rule i keeps for a connection, made when needed. */
struct rule_state *plan_state(const struct plan *, struct rule_state **states, unsigned i);

enum vn_end plan_listen(struct plan *);                    /* what the rules say of the port: VN_STAY, VN_CLOSE or VN_VANISH */

ruleset plan_meant(const struct plan *, const struct endpoint *client);         /* the rules that mean this client */

/* The rules that are in and want this moment; stand NULL: a matter of the whole connection. */
ruleset plan_asks(const struct plan *, enum vn_moment, const struct rule_flags *whole, const struct rule_flags *);

/* Ask the rules that are in and want this moment, count, and fold. False: calm, and *judgement untouched. */
bool plan_judge(struct plan *, const struct question *, struct judgement *);

void verdict_fold(struct vn_verdict *into, const struct vn_verdict *);        /* per field: the worse of both, times added */
bool verdict_calm(const struct vn_verdict *);
const char *verdict_show(const struct vn_verdict *, const struct vn_failure *, char *buffer, size_t size);

#endif
