/* option_json.h - option values from JSON and to JSON. */
#ifndef SPEC_OPTION_JSON_H
#define SPEC_OPTION_JSON_H

#include <jansson.h>

#include "spec/option.h"

/* As opt_set_text. A string is read as text; null unsets an option that can be unset. */
bool opt_set_json(struct opt_values *, const struct vn_opt *, const json_t *,
                  char error[ERROR_MAX]);

/* New references. Times are in the option's unit. The object has the table's order, and no inert
 * options. */
json_t *opt_to_json(const struct opt_values *, const struct vn_opt *);
json_t *opt_values_to_json(const struct opt_values *);

bool opt_values_same(const struct opt_values *, const struct opt_values *);
bool opt_is_default(const struct opt_values *, const struct vn_opt *);  /* the table's default */

#endif
