/* hit_check.h - --require-hit: did every rule that the program was started with strike?
 *
 * Made by the control thread before the workers start. From then on it does not change, and any
 * thread may read it. It is never freed: the thread of the signals may end the program at any
 * time. */
#ifndef CONTROL_HIT_CHECK_H
#define CONTROL_HIT_CHECK_H

#include "config/settings.h"

struct hit_check {                      /* zeroed: nothing is required */
	size_t n;
	struct required {
		char *proxy;
		struct rule_spec rule;  /* a copy: its counters outlive the rule */
	} *all;
};

/* False: a rule cannot be required, and `error` has one sentence. */
bool hit_check_begin(struct hit_check *, const struct settings *, char error[ERROR_MAX]);

/* Writes a line to the standard error for each rule that never struck. False: there is one. */
bool hit_check_passed(const struct hit_check *);

#endif
