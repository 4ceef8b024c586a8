/* overrides.h - the program's options, with what one proxy overrides. */
#ifndef CONFIG_OVERRIDES_H
#define CONFIG_OVERRIDES_H

#include "config/parse.h"

void overrides_begin(struct parse *own, const struct parse *all);       /* copies all options */
void overrides_free(struct parse *own);

/* Reset what the program sets for other proxies only: rules; addresses, unless the proxy is
 * `addressed`, which is the one of --proxy; behavior and protocol, unless it is the first. */
void overrides_forget(struct parse *own, bool first, bool addressed);

/* Apply what the proxy overrides. Of the addressed proxy the command line still overrides its
 * section. -1: done. Else the exit code, and the error is reported. */
int overrides_apply(struct parse *own, const struct proxy_config *, bool addressed);

/* Unset failures that the program sets for a behavior and that this proxy's protocol does not
 * have. */
void overrides_drop_unfit(struct parse *own, const struct proxy_config *);

#endif
