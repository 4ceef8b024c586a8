/* registry_check.h - checks of all behaviors and protocols: names, option tables, failures. */
#ifndef SPEC_REGISTRY_CHECK_H
#define SPEC_REGISTRY_CHECK_H

/* NULL: all are sound. Else one sentence that names the first mistake, such as a wrong ABI or a bad
 * option table. It is valid until the next call. Call it at start and after a plugin was loaded;
 * control thread only. */
const char *registry_error(void);

#endif
