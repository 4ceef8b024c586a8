/* suggest.h - the known name that is nearest to an unknown word, for "did you mean" in errors.
 *
 * Zero a struct but for its word, try all names, read `name`. vaurienctl uses it, too. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_MAX = 100 };             /* room for "; did you mean '...'?" */

struct suggestion {
	const char *word;               /* what was read */
	const char *name;               /* the nearest name so far, borrowed; NULL: none is near */
	size_t away;                    /* its distance */
};

void suggest_try(struct suggestion *, const char *name);

/* "; did you mean 'delay'?" with `dashes` before the name, or "" if no name is near. Returns the
 * buffer. */
const char *suggest_show(const struct suggestion *, const char *dashes, char buffer[SUGGEST_MAX]);

#endif
