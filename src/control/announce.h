/* announce.h - the first lines of the log: what listens where, and what to type next. */
#ifndef CONTROL_ANNOUNCE_H
#define CONTROL_ANNOUNCE_H

#include "config/settings.h"

/* The proxies, a line each, and the options in force. */
void announce_start(const struct settings *);

/* Where the API is, and a command for it. `where`: its URL, or unix:/PATH. `options`: what
 * vaurienctl needs to find it, each word with a blank before it; "" if nothing. */
void announce_api(const struct settings *, const char *where, const char *options);
void announce_no_api(void);

#endif
