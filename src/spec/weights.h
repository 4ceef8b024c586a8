/* weights.h - "80:delay,20:error": which behaviors, and for how many percent. */
#ifndef SPEC_WEIGHTS_H
#define SPEC_WEIGHTS_H

#include "spec/option.h"
#include "spec/spec.h"

/* "80:delay,20:error", or one name, taken apart. A name that stands twice has the sum of both. */
struct weights {
	bool listed;                    /* percents were given; else it was a bare name */
	char unknown[64];               /* when reading fails: the name that no behavior has, if that was why */
	unsigned n;
	struct weight { const struct vn_behavior *behavior; int percent; } of[RULES_MAX];  /* without dummy */
};

bool weights_read(struct weights *, const char *text, char error[ERROR_MAX]);
char *weights_show(const struct weights *, const char *text);   /* as GET /behavior shows them; to be freed */

#endif
