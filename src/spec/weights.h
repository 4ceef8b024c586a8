/* weights.h - "80:delay,20:error" taken apart: behaviors, and the percentage of each. */
#ifndef SPEC_WEIGHTS_H
#define SPEC_WEIGHTS_H

#include "spec/rule.h"

struct weights {
	bool listed;                    /* percentages were given; else it was one bare name */
	char unknown[64];               /* the name that no behavior has, if reading failed by that */
	unsigned n;                     /* without NO_BEHAVIOR; a name given twice has the sum of both */
	struct weight { const struct vn_behavior *behavior; int percent; } of[RULES_MAX];
};

bool weights_read(struct weights *, const char *text, char error[ERROR_MAX]);
char *weights_show(const struct weights *, const char *text);   /* as GET /behavior; to be freed */

#endif
