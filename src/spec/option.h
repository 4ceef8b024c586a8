/* option.h - option tables at work: parse, check, show, describe. All from the rows in vaurien.h. */
#ifndef SPEC_OPTION_H
#define SPEC_OPTION_H

#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "vaurien.h"

/* Options live in a block of the guest's opts_size bytes. Texts in it are owned by the block. */
struct opt_values {
	const struct vn_opt *options;      /* the table; NULL: none */
	void *opts;                     /* NULL where opts_size is 0 */
	size_t size;
	uint64_t skip, times;           /* where VN_OPT_SKIP / VN_OPT_TIMES rows say so; times UINT64_MAX = no bound */
};

void opt_values_init(struct opt_values *, const struct vn_opt *options, size_t opts_size);   /* all at their defaults */
void opt_values_copy(struct opt_values *to, const struct opt_values *from);
void opt_values_free(struct opt_values *);

const struct vn_opt *opt_find(const struct vn_opt *options, const char *name);        /* "-" and "_" alike; NULL: none */

/* Set one option. False: `error` says which option and what was expected:
 * "sleep: expected a number of seconds >= 0, got 'abc'"; the block is as before. */
bool opt_set_text(struct opt_values *, const struct vn_opt *, const char *text, char error[ERROR_MAX]);
bool opt_set_json(struct opt_values *, const struct vn_opt *, const json_t *, char error[ERROR_MAX]);

bool opt_values_same(const struct opt_values *, const struct opt_values *);      /* all options are at the same values */

json_t *opt_to_json(const struct opt_values *, const struct vn_opt *);  /* in the option's unit; a new reference */
json_t *opt_values_to_json(const struct opt_values *);            /* {"sleep": 1.0, ...} in table order; inert rows left out */
void    opt_expect(const struct vn_opt *, char *buffer, size_t size);      /* "a number of seconds >= 0" */
void    opt_describe(const struct vn_opt *, char *buffer, size_t size);    /* "seconds, default 1" for help and docs */

#endif
