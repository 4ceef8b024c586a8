/* options_page.h - options as text: --help, the lists of scenarios, and what a report shows. */
#ifndef AUDIT_OPTIONS_PAGE_H
#define AUDIT_OPTIONS_PAGE_H

#include "audit/options.h"

/* --help and --version. -1: none was asked for. Else the exit code. */
int options_page(struct options *);

/* `vaurien scenario --list` and --show. The same. */
int options_scenario_page(struct options *);

/* "options" of the report: those in force, by name, without secrets. */
json_t *options_shown(struct options *);

/* "command_line" of the report: as typed, with "..." where a secret may be. */
json_t *options_command_line(struct options *, int argc, char **argv);

/* A text without the password of a URL in it. A new reference. */
json_t *options_text_shown(const char *text);

#endif
