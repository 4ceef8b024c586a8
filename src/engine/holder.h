/* holder.h - the rule that holds a connection now. */
#ifndef ENGINE_HOLDER_H
#define ENGINE_HOLDER_H

#include "engine/engine.h"

/* The rule that adds most to what the connection waits for, and in *left the ns until then, or
 * VN_NEVER. NULL: no rule holds it, and *left is unchanged. */
const struct rule_spec *conn_holder(const struct conn *, vn_nsec *left);

#endif
