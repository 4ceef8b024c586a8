/* plan.h - rules of one spec, compiled for one worker, and how they judge.
 *
 * A plan is counted: its shard and that shard's connections have references, all in one worker's
 * thread. It never changes; a change of rules makes a new plan. Workers share only the rules'
 * counters. */
#ifndef RULES_PLAN_H
#define RULES_PLAN_H

#include "base/dice.h"
#include "rules/judgement.h"
#include "rules/rule_log.h"

struct plan {
	unsigned refs;
	struct spec *spec;              /* a reference */
	unsigned moments;               /* wanted by any rule: bits of enum vn_moment */
	ruleset per_connection;         /* decided once per connection; others once per exchange */
	ruleset certain;                /* without match, kind and odds: always in */
	ruleset picky;                  /* with a match or a kind */
	/* some may refuse, or have a kind: what a message does is worth knowing */
	bool refuses;
	/* they refuse new connections, of a server that sends no greeting */
	ruleset at_accept;
	ruleset sparing;                /* they leave logins and the set-up of sessions alone */
	ruleset at_upgrade;             /* they strike when a new client asks for TLS */
	ruleset off;                    /* disabled: they apply to no client */
	ruleset of_datagrams;           /* they make sense on nothing else */
	bool by_client;                 /* some mean certain clients only */
	bool by_age;                    /* some mean open connections, or new ones, only */
	ruleset on[MOMENTS];                  /* by moment (bit number) */
	unsigned n;
	struct rule rules[];
};

/* Takes a reference to the spec. Never fails; the caller has the first reference. */
struct plan *plan_make(struct spec *, uint64_t seed);
struct plan *plan_ref(struct plan *);
void plan_unref(struct plan *);         /* NULL is allowed */

/* The rules that want any of these moments. */
ruleset plan_on(const struct plan *, unsigned moments);

/* The index of the rule with this id. -1: there is none. */
int plan_find(const struct plan *, uint64_t id);

/* The index of the same rule (by `origin`), perhaps with other options. -1: there is none. */
int plan_heir(const struct plan *, const struct rule_spec *);

static inline ruleset plan_all(const struct plan *p)
{
	return (p->n < RULES_MAX ? (ruleset)1 << p->n : 0) - 1;
}

void rule_state_free(const struct rule *, struct rule_state *); /* NULL is allowed */

/* Returns the rules that are in for this exchange: their match finds q->msg, it is of their kind,
 * and their draw is in their window. A match or a kind never finds a q->msg of NULL.
 *
 * It reads these fields of *q: moment (0 for an exchange), connection, exchange, msg, raw, again
 * and now. */
ruleset plan_decide(struct plan *, ruleset among, const struct question *);

/* What these rules want to strike at q->moment does not come: those that are in by their draw count
 * it as unreachable. */
void plan_unreachable(struct plan *, ruleset among, const struct question *);

/* Takes back the counts of an exchange that was decided and will not come. */
void plan_take_back(const struct plan *, const struct rule_flags *, uint64_t connection,
                    uint64_t exchange);

/* The rule with this id has struck the exchange of *q, but the answer could not be edited into its
 * failure. The hit is taken back, and counts as unreachable. `limit`: the protocol's sentence.
 * NULL: the connection is raw. */
void plan_unedited(struct plan *, uint64_t rule, const struct question *, const char *limit);

/* Takes back the strikes of these rules. */
void plan_unstrike(const struct plan *, ruleset);

/* The state of rule i for a connection, made when needed. */
struct rule_state *plan_state(const struct plan *, struct rule_state **states, unsigned i);

/* What the rules want of the listening socket, for streams or for datagrams: VN_STAY, VN_CLOSE or
 * VN_VANISH. */
enum vn_end plan_listen(struct plan *, bool datagrams);

/* The rules that apply to this client; those that apply to connections opened then. */
ruleset plan_meant(const struct plan *, const struct endpoint *client);
ruleset plan_meant_since(const struct plan *, vn_nsec opened);

/* True if both have the same rules, unchanged and in the same order. */
bool plan_same(const struct plan *, const struct plan *);

/* What the log is to know of rules that stay moves to their places in the new plan. */
void plan_inherit(struct plan *, struct plan *old);

/* The rules that are in and want this moment. flags NULL: it concerns the whole connection. */
ruleset plan_asks(const struct plan *, enum vn_moment, const struct rule_flags *whole,
                  const struct rule_flags *);

/* Calls the rules that are in and want this moment, counts, and folds their verdicts. False: all
 * are calm, and *judgement is unchanged. */
bool plan_judge(struct plan *, const struct question *, struct judgement *);

#endif
