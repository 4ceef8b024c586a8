/* fleet_rule.h - a fleet rule as its author wrote it: for whom, what, and until when.
 *
 *	{"select": "app=shop,protocol=mysql", "rule": {"behavior": "error", "failure": "deadlock"},
 *	 "for": 300, "max_members": "10%", "author": "ann@laptop"}
 *
 * `rule` is what POST /rules takes, without a name and a ttl. Without `for`, the key must hang on a
 * lease of its author's. */
#ifndef FLEET_FLEET_RULE_H
#define FLEET_FLEET_RULE_H

#include "fleet/store.h"

/* Where a fleet rule was tried: one proxy. */
struct trial {
	unsigned proxy;                 /* its number */
	uint64_t version;               /* of the fleet rule */
	uint64_t origin;                /* of the rule made from it; 0: refused */
	const void *spec;               /* refused on this one */
	char *why;                      /* the sentence; NULL: not refused */
};

struct fleet_rule {
	char *id;
	uint64_t version;
	char *error;                    /* the document is not understood; NULL: it is */
	json_t *select, *rule;
	double limit; bool percent;     /* max_members; limit < 0: none */
	vn_nsec deadline;               /* monotonic; VN_NEVER: its author's lease ends it */
	bool told;                      /* by the list under way */
	bool gone;                      /* its key: it is taken back, and then freed */
	bool chosen;                    /* this member is among max_members */
	struct trial *trials;           /* in the order of proxy numbers */
	size_t n, room;
};

enum { FLEET_RULE_MAX = 64 << 10 };     /* bytes of a document */

/* Reads the entry into the rule, whose trials stay. `now`: the deadline counts from it. */
void fleet_rule_read(struct fleet_rule *, const struct store_entry *, vn_nsec now);
void fleet_rule_clear(struct fleet_rule *);

/* The trial of this proxy; NULL: it was not tried there. */
struct trial *fleet_rule_trial(const struct fleet_rule *, unsigned proxy);
/* the same, made if need be */
struct trial *fleet_rule_try(struct fleet_rule *, unsigned proxy);
void trial_forget(struct fleet_rule *, struct trial *);

#endif
