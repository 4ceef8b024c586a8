/* conn_rules.h - a connection before its rules: asked what they say, ended by them, meeting new ones. */
#ifndef ENGINE_CONN_RULES_H
#define ENGINE_CONN_RULES_H

#include "engine/plan.h"

struct conn;

/* Who is in for this exchange, of these rules; see plan_decide. */
ruleset conn_decide(struct conn *, ruleset among, uint64_t exchange, unsigned moment, const struct vn_message *);

bool conn_judge(struct conn *, struct question *, struct judgement *);   /* fills in what all questions share; false: calm */

/* Of what was judged, the end: a stall is done, an end by the clock is set; one in turn is put into *in_turn. */
void conn_apply_end(struct conn *, const struct judgement *, enum vn_end *in_turn);

bool conn_judge_open(struct conn *);         /* rules and connection meet, at accept. False: it ended of it */

void conn_change_rules(struct conn *, struct plan *);        /* other rules from now on; those that stay know it still */

#endif
