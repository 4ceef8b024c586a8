/* option.h - values of options, in the struct that the option table of a guest describes. */
#ifndef SPEC_OPTION_H
#define SPEC_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "vaurien.h"

struct opt_values {                     /* owns its texts */
	const struct vn_opt *options;   /* the table; NULL: no options */
	void *opts;                     /* the guest's struct of `size` bytes; NULL: size is 0 */
	size_t size;
	uint64_t skip, times;           /* of VN_OPT_SKIP, VN_OPT_TIMES; UINT64_MAX: no limit */
};

void opt_values_init(struct opt_values *, const struct vn_opt *options, size_t opts_size);
void opt_values_copy(struct opt_values *to, const struct opt_values *from);
void opt_values_free(struct opt_values *);

/* "-" and "_" are alike. NULL: there is none of that name. */
const struct vn_opt *opt_find(const struct vn_opt *options, const char *name);

/* Set one option. False: `error` names it and what was expected, as "sleep: expected a number of
 * seconds >= 0, got 'abc'"; the values are unchanged. */
bool opt_set_text(struct opt_values *, const struct vn_opt *, const char *text,
                  char error[ERROR_MAX]);

/* ---- for code that knows the option's type ---- */

struct opt_number { bool whole; int64_t i; double d; };         /* `i` is exact if whole */

void *opt_at(const struct opt_values *, const struct vn_opt *); /* where the value is */
bool opt_is_text(const struct vn_opt *);                        /* a text, a choice or a failure */
/* A copy of the text; NULL unsets it. */
void opt_set_string(struct opt_values *, const struct vn_opt *, const char *text);

/* `unit`: what the number counts, where the option is a time. False: it does not fit the option. */
bool opt_set_number(struct opt_values *, const struct vn_opt *, const struct opt_number *,
                    vn_nsec unit);

/* Write the error of a bad value `got`. Returns false. */
bool opt_refuse(const struct vn_opt *, const char *got, char error[ERROR_MAX]);

#endif
