/* names.h - names of destinations: what the command's arguments and environment call an address.
 *
 * Filled in before the command starts, so that a proxy's name does not depend on timing. The
 * supervisor's thread. */
#ifndef RUN_NAMES_H
#define RUN_NAMES_H

#include "base/loop.h"
#include "net/resolve.h"

struct name_candidate;

struct names {
	struct name_candidate *of;      /* the order decides: the first that fits is the name */
	size_t n;
	size_t looking;                 /* look-ups under way */
	struct loop *loop;
};

/* Collects names from the words and the environment, and from /etc/hosts, and starts to look them
 * up. `names->looking` falls to 0 as the loop runs. */
void names_start(struct names *, struct loop *, struct resolver *, char **words,
                 char **environment);

/* What is not known by now stays unknown. */
void names_stop(struct names *);
void names_free(struct names *);

/* The name of this address, without its port. NULL: it has none. */
const char *names_find(const struct names *, const struct endpoint *);

#endif
