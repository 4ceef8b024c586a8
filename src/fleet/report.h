/* report.h - what a member tells the fleet: itself, and what became of the rules. */
#ifndef FLEET_REPORT_H
#define FLEET_REPORT_H

#include "control/control.h"
#include "fleet/fleet_rule.h"

/* Texts in JSON, to be freed. */
char *member_report(struct control *, const json_t *labels, const char *api);
char *status_report(struct control *, const struct fleet_rule *, size_t n);

/* It differs when member_report() does. */
uint64_t member_mark(struct control *);

#endif
