/* overrides.h - one proxy's own words over the program's: a reading that is a copy, to be changed for it alone. */
#ifndef OWN_H
#define OWN_H

#include "config/parse.h"

void own_begin(struct reading *own, const struct reading *all);         /* a copy of all that is known */
void own_free(struct reading *own);

/* What the program does not say of this proxy: of the others' addresses, unless it is `addressed` itself, by --proxy;
 * and of what is the first's alone. */
void own_forget(struct reading *own, bool first, bool addressed);

/* Its own words. What the program says of the addressed one is said of it, so that a nearer word stands. -1: good; else
 * the exit code, and why has been said. */
int own_say(struct reading *own, const struct proxy_words *, bool addressed);

/* A failure that the program names for a behavior may be none of this proxy's protocol: then it names none here. */
void own_fit(struct reading *own, const struct proxy_words *);

#endif
