/* defaults.h - the default options of each behavior.
 *
 * They are the tables' values, changed by command line and file. Counted; immutable once a spec has
 * them. */
#ifndef SPEC_DEFAULTS_H
#define SPEC_DEFAULTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "spec/option.h"
#include "vaurien.h"

struct defaults {
	_Atomic unsigned refs;
	size_t n;                       /* one entry for each behavior of the registry */
	struct { const struct vn_behavior *behavior; struct opt_values values; } of[];
};

struct defaults *defaults_make(void);                   /* the tables' values; one reference */
struct defaults *defaults_copy(const struct defaults *);        /* one reference */
struct defaults *defaults_ref(struct defaults *);       /* NULL stays NULL */
void defaults_unref(struct defaults *);                 /* NULL is ignored */
bool defaults_same(const struct defaults *, const struct defaults *);   /* false for NULL */

/* NULL where `defaults` is NULL or does not know the behavior: then the table's values hold. */
const struct opt_values *defaults_of(const struct defaults *, const struct vn_behavior *);

#endif
