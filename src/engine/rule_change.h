/* rule_change.h - other rules for a live connection: those that stay still know it. */
#ifndef ENGINE_RULE_CHANGE_H
#define ENGINE_RULE_CHANGE_H

#include "engine/engine.h"

void conn_change_rules(struct conn *, struct plan *);

#endif
