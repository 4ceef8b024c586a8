/* help.h - what Vaurien can do, told: --help, --list, and the generated pages of docs/. */
#ifndef CONFIG_HELP_H
#define CONFIG_HELP_H

#include <stdio.h>

#include "config/flags.h"

void help_usage(FILE *);
void help_print(FILE *, const struct flags *);
void help_list(FILE *);              /* behaviors, protocols and failures with their options */
void help_list_failures(FILE *);     /* each by name, over all protocols */
void page_behaviors(FILE *);    /* markdown */
void page_failure_names(FILE *);     /* a table of names and protocols, which docs/failures.md has in it */
void page_protocols(FILE *);

#endif
