/* overrides.h - one proxy's own words over the program's: a reading that is a copy, to be changed for it alone. */
#ifndef CONFIG_OVERRIDES_H
#define CONFIG_OVERRIDES_H

#include "config/parse.h"

void overrides_begin(struct parse *own, const struct parse *all);         /* a copy of all that is known */
void overrides_free(struct parse *own);

/* What the program does not say of this proxy: of the others' addresses, unless it is `addressed` itself, by --proxy;
 * and of what is the first's alone. */
void overrides_forget(struct parse *own, bool first, bool addressed);

/* Its own words. What the program says of the addressed one is said of it, so that a nearer word stands. -1: good; else
 * the exit code, and why has been said. */
int overrides_apply(struct parse *own, const struct proxy_config *, bool addressed);

/* A failure that the program names for a behavior may be none of this proxy's protocol: then it names none here. */
void overrides_drop_unfit(struct parse *own, const struct proxy_config *);

#endif
