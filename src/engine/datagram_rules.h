/* datagram_rules.h - calling a flow's rules, and what they do to the flow itself. */
#ifndef ENGINE_DATAGRAM_RULES_H
#define ENGINE_DATAGRAM_RULES_H

#include "engine/datagram.h"

/* The rules that are in for a datagram or its exchange. */
struct rule_flags flow_flags_new(struct flow *, uint64_t number, const struct vn_message *,
                                 bool raw);

/* plan_judge(), with the fields of *question that depend on the flow only filled in. An end is
 * applied to the flow: it may be doomed, or vanish. */
bool flow_judge(struct flow *, struct question *, struct judgement *);

/* A new flow meets all rules of its plan. They may doom it. */
void flow_rules_begin(struct flow *);
void flow_rules_end(struct flow *);

/* Other rules. They may doom it. */
void flow_change_rules(struct flow *, struct plan *to);

/* It ends when the caller is done with it: see flow_end(). */
void flow_doom(struct flow *, enum close_reason);

/* The client's address, for rules and for events. */
struct endpoint flow_client(const struct flow *);

#endif
