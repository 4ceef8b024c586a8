/* conn_rules.h - calling a connection's rules, and applying the ends that they return. */
#ifndef ENGINE_CONN_RULES_H
#define ENGINE_CONN_RULES_H

#include "engine/plan.h"

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

/* How the client's stream begins is known: with a header that names this client, or with none, or one that names
 * nobody (NULL). Rules that mean the client meet the connection now, if they have not before. It may be doomed. */
void conn_client_known(struct conn *, const struct endpoint *named);

void conn_clocks_set(struct conn *);    /* its end timer follows the soonest end by the clock */

#endif
