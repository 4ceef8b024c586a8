/* run_specs.h - the proxies of `vaurien run` that the settings make, and the rules for them.
 *
 * Control thread, and the main thread before it starts. */
#ifndef CONFIG_RUN_SPECS_H
#define CONFIG_RUN_SPECS_H

#include "config/run_settings.h"
#include "config/settings.h"

/* A proxy for this backend: the protocol's defaults, with the behavior and the rules for its name.
 * NULL: `error` has a sentence. */
struct spec *run_spec_make(const struct settings *, const char *name, const char *backend,
                           const struct vn_protocol *, char error[ERROR_MAX]);

/* The same proxy with another protocol, as if it were new. */
struct spec *run_spec_recognised(const struct settings *, const struct spec *,
                                 const struct vn_protocol *);

/* Reads the lines of --rule, and makes run->future of them. */
void run_future_make(struct settings *, const char *lines);

/* A behavior or a rule that fits no proxy, named or to come, would never strike. -1: there is none.
 * Else the exit code, and the error is reported. */
int run_fits_check(const struct settings *);

#endif
