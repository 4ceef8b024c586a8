/* failure.h - failures of a protocol: found by name, described as text and JSON. */
#ifndef SPEC_FAILURE_H
#define SPEC_FAILURE_H

#include <jansson.h>
#include <stddef.h>

#include "vaurien.h"

/* NULL: the protocol has none of that name. */
const struct vn_failure *failure_find(const struct vn_protocol *, const char *name);

/* As failure_find, without those that are internal to the protocol: a user cannot choose them. */
const struct vn_failure *failure_offered(const struct vn_protocol *, const char *name);

/* The names that any protocol offers, in alphabetical order: the one after `last`, of NULL the
 * first. NULL: there are no more. */
const char *failure_name_next(const char *last);

/* What becomes of the connection: "stays", "is closed". */
const char *failure_end(const struct vn_failure *);

/* "logins, reads, writes"; cut to fit. Returns the buffer. */
const char *failure_fits_show(const struct vn_failure *, const struct vn_protocol *, char *buffer,
                              size_t size);

/* {"name", "protocol", "code", "text", "fits": [...], "moments": [...], "connection", "drawn"}; a
 * new reference. */
json_t *failure_json(const struct vn_failure *, const struct vn_protocol *);

#endif
