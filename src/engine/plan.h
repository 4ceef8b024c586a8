/* plan.h - the compiled rules of one spec, and how they judge.
 *
 * A plan is one worker's own, built from a spec. It never changes: a change is a new plan. Only the
 * rules' counters are shared between workers. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "base/dice.h"
#include "engine/judgement.h"
#include "engine/rule_log.h"

struct plan {
	unsigned refs;
	struct spec *spec;              /* a reference */
	unsigned moments;               /* of all its rules together */
	ruleset per_connection;         /* decided once per connection; the others once per exchange */
	ruleset certain;                /* no odds and no match: they strike whatever they are asked about */
	ruleset picky;                  /* with a match */
	bool refuses;                   /* some may refuse: what a message does is worth knowing */
	ruleset at_accept;              /* they refuse new connections, of a server that sends no greeting */
	ruleset sparing;                /* they leave logins and the set-up of sessions alone */
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

void rule_state_free(const struct rule *, struct rule_state *);         /* NULL: there is none */

/* Which of these rules are in for this exchange: their match finds q->msg (none does where it is NULL), and their
 * dice agree. Of q only moment (0: the exchange itself is decided), connection, exchange, msg, raw and now matter. */
ruleset plan_decide(struct plan *, ruleset among, const struct question *);

/* An exchange that was decided before it came will not come: take its counts back. */
void plan_take_back(const struct plan *, const struct rule_flags *, uint64_t connection, uint64_t exchange);

/* What the rule with index i keeps for a connection, made when needed. */
struct rule_state *plan_state(const struct plan *, struct rule_state **states, unsigned i);

enum vn_end plan_listen(struct plan *);                    /* what the rules want of the listening socket: VN_STAY, VN_CLOSE or VN_VANISH */

ruleset plan_meant(const struct plan *, const struct endpoint *client);         /* the rules that apply to this client */

/* The rules that are in and want this moment; flags NULL: a matter of the whole connection. */
ruleset plan_asks(const struct plan *, enum vn_moment, const struct rule_flags *whole, const struct rule_flags *);

/* Ask the rules that are in and want this moment, count, and fold. False: calm, and *judgement untouched. */
bool plan_judge(struct plan *, const struct question *, struct judgement *);

#endif
