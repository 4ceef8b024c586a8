/* apply.h - one proxy with the fleet rules that are for it. */
#ifndef FLEET_APPLY_H
#define FLEET_APPLY_H

#include "control/control.h"
#include "fleet/fleet_rule.h"

/* Rules made from fleet rules are called so, and their names behind it. */
#define FLEET_PREFIX "fleet-"

/* Makes, changes and takes back the rules of this proxy. A fleet rule is in force if it is
 * understood, not gone, chosen, and `now` is before its deadline; `open`: none is. */
void fleet_apply(struct control *, struct proxy *, struct fleet_rule *, size_t n, bool open,
                 vn_nsec now);

/* The rule that was made from it; NULL: none is there. */
const struct rule_spec *fleet_made(const struct proxy *, const struct fleet_rule *);

#endif
