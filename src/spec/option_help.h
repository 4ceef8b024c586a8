/* option_help.h - what values an option takes, as text for help and errors. */
#ifndef SPEC_OPTION_HELP_H
#define SPEC_OPTION_HELP_H

#include <stddef.h>

#include "vaurien.h"

bool opt_unbounded(const struct vn_opt *);      /* it has no upper bound */

/* "a number of seconds >= 0"; cut to fit. */
void opt_expect(const struct vn_opt *, char *buffer, size_t size);

/* "seconds, default 1"; cut to fit. */
void opt_describe(const struct vn_opt *, char *buffer, size_t size);

#endif
