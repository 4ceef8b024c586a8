/* proxies.h - the specs of the proxies to start with, made from the options. */
#ifndef CONFIG_PROXIES_H
#define CONFIG_PROXIES_H

#include "config/parse.h"

/* Makes settings->proxies and settings->templates. -1: done. Else the exit code, and the error is
 * reported. */
int proxies_build(struct parse *);

#endif
