/* help.h - what Vaurien can do, told: --help, --list, and the generated pages of docs/. */
#ifndef LISTING_H
#define LISTING_H

#include <stdio.h>

#include "config/flags.h"

void listing_usage(FILE *);
void listing_help(FILE *, const struct flags *);
void listing_text(FILE *);              /* behaviors, protocols and failures with their options */
void listing_failures_text(FILE *);     /* each by name, over all protocols */
void listing_behaviors_page(FILE *);    /* markdown */
void listing_failures_page(FILE *);     /* a table of names and protocols, which docs/failures.md has in it */
void listing_protocols_page(FILE *);

#endif
