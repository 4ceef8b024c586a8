/* rule_change.h - change of the rules of a live connection. */
#ifndef ENGINE_RULE_CHANGE_H
#define ENGINE_RULE_CHANGE_H

#include "engine/engine.h"

/* The connection takes a reference to the plan. Rules that stay keep their states and flags; rules
 * that go release what they hold. */
void conn_change_rules(struct conn *, struct plan *);

#endif
