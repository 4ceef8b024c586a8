/* legs.h - from a proxy's options of TLS to its legs: checks, files, warnings. Control only. */
#ifndef TLS_LEGS_H
#define TLS_LEGS_H

#include "spec/spec.h"

/* Makes spec->client_tls and spec->backend_tls from spec->tls, and reads their files. The spec must
 * not be shared yet. A leg that comes out as it was stays the same, with its generation. False:
 * `error` has a sentence that names the option; the spec's legs are as they were. */
bool tls_legs_make(struct spec *, char error[ERROR_MAX]);

/* Logs what users should know of these legs, once; `was`: what the proxy had, or NULL. */
void tls_legs_warn(const struct spec *, const struct spec *was);

#endif
