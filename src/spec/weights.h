/* weights.h - "80:delay,20:error" taken apart: behaviors, and the percentage of each. */
#ifndef SPEC_WEIGHTS_H
#define SPEC_WEIGHTS_H

#include "spec/rule.h"

struct weights {
	bool listed;                    /* percentages were given; else it was one bare name */
	char unknown[64];               /* the unknown behavior, if that was the error */
	unsigned n;                     /* without NO_BEHAVIOR; of a repeated name the sum */
	struct weight { const struct vn_behavior *behavior; int percent; } of[RULES_MAX];
};

bool weights_read(struct weights *, const char *text, char error[ERROR_MAX]);
char *weights_show(const struct weights *, const char *text);   /* as GET /behavior; to be freed */

#endif
