/* behavior_group.h - the groups of behaviors, in the order in which lists show them.
 *
 * A constant table: any thread may read it. */
#ifndef SPEC_BEHAVIOR_GROUP_H
#define SPEC_BEHAVIOR_GROUP_H

#include "vaurien.h"

struct behavior_group {
	const char *name;               /* "time" */
	const char *title;              /* "Time" */
	const char *help;               /* what its behaviors do, without a full stop */
	enum vn_group group;            /* VN_GROUP_NONE: the behaviors of no group */
};

extern const struct behavior_group behavior_groups[];   /* ends with a row without name */

/* The behavior of this group that follows `previous` in the order of names; `previous` NULL: the
 * first one. NULL: there are no more. */
const struct vn_behavior *behavior_group_next(const struct behavior_group *,
                                              const struct vn_behavior *previous);

#endif
