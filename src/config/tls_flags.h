/* tls_flags.h - the flags of TLS: of proxies, from spec/tls_options.h, and of the program. */
#ifndef CONFIG_TLS_FLAGS_H
#define CONFIG_TLS_FLAGS_H

#include "config/parse.h"

void tls_flags_add(struct parse *);
int tls_globals_read(struct parse *);   /* -1: good; else the exit code, and it is reported */

#endif
