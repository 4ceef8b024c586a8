/* conn_rules.h - a connection before its rules: they are asked, and they end it. */
#ifndef ENGINE_CONN_RULES_H
#define ENGINE_CONN_RULES_H

#include "engine/plan.h"

struct conn;

/* Which of these rules are in for this exchange; see plan_decide. */
ruleset conn_decide(struct conn *, ruleset among, uint64_t exchange, unsigned moment, const struct vn_message *);

/* Ask the rules. It fills in what all questions have in common. False: calm, and *judgement is untouched. */
bool conn_judge(struct conn *, struct question *, struct judgement *);

/* Carry out the end that was judged: a stall begins, an end by the clock is set; one in turn is put into *in_turn. */
void conn_apply_end(struct conn *, const struct judgement *, enum vn_end *in_turn);

/* Rules and connection meet: at accept, or when rules come to a live connection; `again` are those that it
 * knows, with other options. It may be doomed by them. */
void conn_judge_open(struct conn *);
bool conn_rules_meet(struct conn *, ruleset rules, ruleset again, bool opening);        /* false: it is doomed */

/* How the client's stream begins is known: with a header that names this client, or with none, or one that names
 * nobody (NULL). Rules that mean the client meet the connection now, if they have not before. It may be doomed. */
void conn_client_known(struct conn *, const struct endpoint *named);

void conn_clocks_set(struct conn *);    /* its end timer follows the soonest end by the clock */

#endif
