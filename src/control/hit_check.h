/* hit_check.h - --require-hit: did every rule that the program was started with strike?
 *
 * The control thread makes it, before the workers start; in `vaurien run`, whose proxies come
 * later, it collects the rules at the end. The thread of the signals, which may end the program at
 * any time, reads it, too. It is never freed. */
#ifndef CONTROL_HIT_CHECK_H
#define CONTROL_HIT_CHECK_H

#include <pthread.h>

#include "control/control.h"

struct hit_check {                      /* zeroed: nothing is required */
	pthread_mutex_t lock;           /* of all below, once begun */
	bool wanted, run;               /* run: one proxy of those with a rule is enough */
	size_t n;
	struct required {
		char *proxy;
		struct rule_spec rule;  /* a copy: its counters outlive the rule */
	} *all;
};

/* False: a rule cannot be required, and `error` has one sentence. */
bool hit_check_begin(struct hit_check *, const struct settings *, char error[ERROR_MAX]);

/* Before the proxies are freed. */
void hit_check_collect(struct hit_check *, struct control *);

/* Writes a line to the standard error for each rule that never struck. False: there is one. */
bool hit_check_passed(struct hit_check *);

#endif
