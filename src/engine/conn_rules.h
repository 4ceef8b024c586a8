/* conn_rules.h - calling a connection's rules, and applying the ends that they return. */
#ifndef ENGINE_CONN_RULES_H
#define ENGINE_CONN_RULES_H

#include "rules/plan.h"

struct conn;

/* Returns which of these rules are in for the exchange: see plan_decide(). */
ruleset conn_decide(struct conn *, ruleset among, uint64_t exchange, unsigned moment,
                    const struct vn_message *);

/* Calls the rules: plan_judge(), with the fields of *question that depend on the connection only
 * filled in. False: all verdicts are calm, and *judgement is unchanged. */
bool conn_judge(struct conn *, struct question *, struct judgement *);

/* Applies the judged end: begins a stall, or sets the clock of an end by the clock. An end in turn
 * is stored in *in_turn instead. */
void conn_apply_end(struct conn *, const struct judgement *, enum vn_end *in_turn);

/* A new connection meets all rules of its plan. They may doom it. */
void conn_judge_open(struct conn *);

/* A connection meets new `rules`, and those in `again`, which it has met with other options.
 * `opening`: it is new, and holds delay its connect. False: they have doomed it. */
bool conn_rules_meet(struct conn *, ruleset rules, ruleset again, bool opening);

/* The beginning of the client's stream is known: a header names this client; NULL: there is none,
 * or it names nobody. Rules for clients meet the connection now, if they have not. They may doom
 * it. */
void conn_client_known(struct conn *, const struct endpoint *named);

/* Sets the end timer to the earliest end by the clock. */
void conn_clocks_set(struct conn *);

#endif
