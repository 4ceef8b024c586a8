/* failure.h - failures told: what they fit, when they come, what becomes of the connection. */
#ifndef SPEC_FAILURE_H
#define SPEC_FAILURE_H

#include <jansson.h>
#include <stddef.h>

#include "vaurien.h"

const char *failure_end(const struct vn_failure *);        /* of the connection: "stays", "is closed" */
const char *failure_fits_show(const struct vn_failure *, const struct vn_protocol *, char *buffer, size_t size);       /* "logins, reads, writes" */

/* {"name", "protocol", "code", "text", "fits": [...], "moments": [...], "connection", "drawn"} */
json_t *failure_json(const struct vn_failure *, const struct vn_protocol *);

#endif
