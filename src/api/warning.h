/* warning.h - warnings about rules that were set, in the log and in the answer. */
#ifndef API_WARNING_H
#define API_WARNING_H

#include "api/request.h"

/* Warn of the rules of `to` that have this name, or (NULL) that the proxy does not have: that they
 * do nothing, or concern new connections while others are open. Adds "warning" to the answer, if
 * there is one (NULL: none), and writes a line of the log if `logged`. */
void rules_warn(const struct proxy *, const struct spec *to, const char *name, json_t *answer,
                bool logged);

#endif
