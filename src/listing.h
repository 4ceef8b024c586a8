/* listing.h - what Vaurien can do, told: --help, --list, and the generated pages of docs/. */
#ifndef LISTING_H
#define LISTING_H

#include <stdio.h>

#include "flags.h"

void listing_usage(FILE *);
void listing_help(FILE *, const struct flags *);
void listing_text(FILE *);              /* behaviors, protocols and failures with their options */
void listing_behaviors_page(FILE *);    /* markdown */
void listing_protocols_page(FILE *);

#endif
