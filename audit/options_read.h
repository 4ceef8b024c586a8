/* options_read.h - the options from the command line, and from the file of --config.
 *
 * [audit] has the same options as the command line, which wins; [probe:NAME] has a probe. Words
 * that are no options of the audit are the proxies': `vaurien` is started with them. */
#ifndef AUDIT_OPTIONS_READ_H
#define AUDIT_OPTIONS_READ_H

#include "audit/options.h"

/* -1: an audit is to be run. Else the exit code: a page was written, or an error. To be freed with
 * options_free() in any case. */
int options_read(struct options *, int argc, char **argv);

#endif
